//! Cells of a sheet that are merged. A title over several columns is one; where other cells stand
//! beside it, nothing says for which of its rows and columns the content of a merged cell is meant.

use calamine::Dimensions;

use super::letters;

/// The merged cells of a sheet, by the row in which they begin.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// Those that begin in rows to come, the next one last.
    later: Vec<Dimensions>,
    /// Those that were begun, and are not over.
    here: Vec<Dimensions>,
}

impl Merged {
    pub(super) fn new(mut all: Vec<Dimensions>) -> Self {
        all.sort_by_key(|merged| std::cmp::Reverse(merged.start));
        Self {
            later: all,
            here: Vec::new(),
        }
    }

    /// Why a row (from 0) with so many cells with content cannot be read. Rows come in their order.
    pub(super) fn refuse(&mut self, row: u32, filled: usize) -> Option<String> {
        while let Some(next) = self.later.pop_if(|next| next.start.0 <= row) {
            self.here.push(next);
        }
        self.here.retain(|merged| row <= merged.end.0);
        let goes_on = |merged: &&Dimensions| merged.start.0 < row;
        let is_beside = |merged: &&Dimensions| merged.start.1 < merged.end.1 && filled > 1;
        let merged = self
            .here
            .iter()
            .find(|merged| goes_on(merged) || is_beside(merged))?;
        let name = |(row, column): (u32, u32)| format!("{}{}", letters(column), row + 1);
        Some(format!(
            "the cells {}:{} are merged: take them apart, and fill in each row and column for which their content stands",
            name(merged.start),
            name(merged.end)
        ))
    }
}
