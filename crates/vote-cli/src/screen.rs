//! An election followed on a terminal: the result as it stands, until the reader has seen enough.

use std::sync::Arc;

use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Paragraph, Wrap};
use tokio::sync::mpsc;
use vote_api::{CallError, CheckedElection, ElectionView, Watching};

use crate::failure::Failure;
use crate::result;

/// What the screen shows.
struct Screen {
    view: Arc<ElectionView>,
    /// Lines that are scrolled past.
    skipped: u16,
    /// Why nothing new will come.
    ended: Option<&'static str>,
}

impl Screen {
    fn draw(&self, frame: &mut Frame<'_>) {
        let [body, foot] =
            Layout::vertical([Constraint::Min(1), Constraint::Length(1)]).areas(frame.area());
        let mut lines = result::lines(&self.view).into_iter();
        let title = lines.next().unwrap_or_default();
        let verdicts = self
            .view
            .record
            .election
            .contests
            .iter()
            .zip(&self.view.tally.contests);
        let verdicts: Vec<_> = verdicts
            .map(|(contest, counted)| result::sentence(&self.view, contest, counted))
            .collect();
        let line = |text: String| match verdicts.contains(&text) {
            true => Line::from(text).bold(),
            false => Line::from(text),
        };
        let text: Text<'_> = lines.map(line).collect();
        let shown = Paragraph::new(text)
            .wrap(Wrap { trim: false })
            .scroll((self.skipped, 0));
        frame.render_widget(
            shown.block(Block::bordered().title(format!(" {title} ").bold())),
            body,
        );
        let state = self.ended.unwrap_or("follows each block");
        let keys = Line::from(format!(" {state}   \u{2191}\u{2193} scroll   q quit"));
        frame.render_widget(Paragraph::new(keys).style(Style::new().reversed()), foot);
    }

    /// Takes a key; false if the reader has seen enough.
    const fn take(&mut self, key: KeyEvent) -> bool {
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return false,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return false,
            KeyCode::Down | KeyCode::PageDown => self.skipped = self.skipped.saturating_add(1),
            KeyCode::Up | KeyCode::PageUp => self.skipped = self.skipped.saturating_sub(1),
            _ => {}
        }
        true
    }
}

/// Keys, and changes of the terminal's size; read on a thread of its own, which ends with the
/// program.
fn keys() -> mpsc::Receiver<Event> {
    let (events, queue) = mpsc::channel(16);
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if events.blocking_send(event).is_err() {
                return;
            }
        }
    });
    queue
}

/// Shows an election and what becomes of it, until the reader leaves.
pub(crate) async fn run(election: CheckedElection, mut changes: Watching) -> Result<(), Failure> {
    let mut screen = Screen {
        view: election.view().clone(),
        skipped: 0,
        ended: None,
    };
    let mut keys = keys();
    let mut terminal = ratatui::try_init().map_err(Failure::other)?;
    let done = loop {
        if let Err(error) = terminal.draw(|frame| screen.draw(frame)) {
            break Err(Failure::other(error));
        }
        tokio::select! {
            change = changes.next(), if screen.ended.is_none() => match change {
                Ok(Some(election)) => screen.view = election.view().clone(),
                Ok(None) => screen.ended = Some("the election is over"),
                Err(CallError::Gone) => screen.ended = Some("THE NODE IS GONE: this is the last that it said"),
                Err(error) => break Err(error.into()),
            },
            event = keys.recv() => match event {
                Some(Event::Key(key)) if key.kind != KeyEventKind::Release && !screen.take(key) => break Ok(()),
                Some(_) => {}
                None => break Ok(()),
            },
        }
    };
    ratatui::restore();
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn shown(terminal: &Terminal<TestBackend>) -> Vec<String> {
        let buffer = terminal.backend().buffer();
        let rows = buffer.content().chunks(usize::from(buffer.area.width));
        rows.map(|row| row.iter().map(|cell| cell.symbol()).collect())
            .collect()
    }

    #[test]
    fn screen_shows_bars_verdict_and_what_the_keys_do() {
        let mut screen = Screen {
            view: Arc::new(crate::report::tests::view()),
            skipped: 0,
            ended: None,
        };
        let mut terminal = Terminal::new(TestBackend::new(66, 9)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        let expected = [
            "┌ <script>Board (closed, block 9) ───────────────────────────────┐",
            "│  4 ballots.                                                    │",
            "│  Grace, \"G\"         2  ████████████████████████                │",
            "│  <b>Ada</b>         1  ████████████                            │",
            "│  abstain            1                                          │",
            "│Grace, \"G\" has won, with 2 of 3 votes.                          │",
            "│                                                                │",
            "└────────────────────────────────────────────────────────────────┘",
            " follows each block   ↑↓ scroll   q quit                          ",
        ];
        assert_eq!(shown(&terminal), expected);
        screen.ended = Some("the election is over");
        let key = |code| KeyEvent::new(code, KeyModifiers::NONE);
        assert!(screen.take(key(KeyCode::Down)) && screen.skipped == 1);
        assert!(!screen.take(key(KeyCode::Char('q'))));
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        let text = shown(&terminal).concat();
        assert!(
            text.contains("the election is over") && !text.contains("4 ballots"),
            "{text}"
        );
    }
}
