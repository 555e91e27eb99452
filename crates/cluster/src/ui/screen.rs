//! What the screen of a network shows, and what its keys mean. Knows no process and no socket.

use std::time::Instant;

use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table};
use vote_api::Status;
use vote_chain::faults_tolerated;

/// Whether a node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// It runs.
    Up,
    /// Its process does not run.
    Down,
    /// Its process is stopped: it hears nothing and says nothing, as if cut off.
    Frozen,
}

/// What the reader wants done, to the node at that place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Kill(usize),
    Restart(usize),
    Freeze(usize),
    Thaw(usize),
    Quit,
}

struct Node {
    name: String,
    life: Life,
    /// The last that it said; none if it has said nothing since it came up.
    status: Option<Box<Status>>,
    silent: bool,
}

/// All that is shown.
pub(super) struct Screen {
    nodes: Vec<Node>,
    selected: usize,
    voting: bool,
    counted: Option<(u64, Instant)>,
    per_second: f64,
    message: String,
}

impl Screen {
    pub(super) fn new(names: Vec<String>) -> Self {
        let node = |name| Node {
            name,
            life: Life::Up,
            status: None,
            silent: false,
        };
        let nodes = names.into_iter().map(node).collect();
        Self {
            nodes,
            selected: 0,
            voting: false,
            counted: None,
            per_second: 0.0,
            message: String::new(),
        }
    }

    /// Whether ballots should be cast.
    pub(super) const fn voting(&self) -> bool {
        self.voting
    }

    pub(super) fn say(&mut self, message: String) {
        self.message = message;
    }

    pub(super) fn set(&mut self, at: usize, life: Life) {
        let node = &mut self.nodes[at];
        (node.life, node.silent) = (life, life != Life::Up);
        let done = match life {
            Life::Up => "is back",
            Life::Down => "is down",
            Life::Frozen => "is frozen: it hears nothing and says nothing",
        };
        self.message = format!("{} {done}", node.name);
    }

    /// What a node has answered, if it has.
    pub(super) fn hear(&mut self, at: usize, status: Option<Status>) {
        let node = &mut self.nodes[at];
        node.silent = status.is_none();
        node.status = status.map(Box::new).or_else(|| node.status.take());
    }

    /// How many ballots there are, at that time.
    pub(super) fn count(&mut self, ballots: u64, now: Instant) {
        if let Some((before, then)) = self.counted {
            let more = f64::from(u32::try_from(ballots.saturating_sub(before)).unwrap_or(u32::MAX));
            self.per_second = more / now.duration_since(then).as_secs_f64().max(0.001);
        }
        self.counted = Some((ballots, now));
    }

    /// What a key means.
    pub(super) fn take(&mut self, key: KeyEvent) -> Option<Action> {
        let at = self.selected;
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Some(Action::Quit),
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return Some(Action::Quit);
            }
            KeyCode::Down => self.selected = (at + 1).min(self.nodes.len() - 1),
            KeyCode::Up => self.selected = at.saturating_sub(1),
            KeyCode::Char('b') => self.voting = !self.voting,
            KeyCode::Char('k') if self.nodes[at].life != Life::Down => {
                return Some(Action::Kill(at));
            }
            KeyCode::Char('r') if self.nodes[at].life == Life::Down => {
                return Some(Action::Restart(at));
            }
            KeyCode::Char('f') if self.nodes[at].life == Life::Up => {
                return Some(Action::Freeze(at));
            }
            KeyCode::Char('f') if self.nodes[at].life == Life::Frozen => {
                return Some(Action::Thaw(at));
            }
            _ => {}
        }
        None
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let areas = Layout::vertical([
            Constraint::Min(4),
            Constraint::Length(3),
            Constraint::Length(1),
        ]);
        let [body, words, foot] = areas.areas(frame.area());
        let head = Row::new([
            "NODE",
            "STATE",
            "HEIGHT",
            "ROUND",
            "PEERS",
            "WAITING",
            "STATE ROOT",
        ])
        .bold();
        let rows = self.nodes.iter().enumerate().map(|(at, node)| {
            let row = Row::new(cells(node));
            if at == self.selected {
                row.reversed()
            } else {
                row
            }
        });
        let widths = [10, 8, 8, 6, 6, 8, 18].map(Constraint::Length);
        let title = format!(" {} ", self.network());
        frame.render_widget(
            Table::new(rows, widths)
                .header(head)
                .block(Block::bordered().title(title)),
            body,
        );
        let said = Paragraph::new(vec![
            Line::from(self.ballots()),
            Line::from(self.message.clone()),
        ]);
        frame.render_widget(said.block(Block::new()), words);
        let keys = " \u{2191}\u{2193} select   k kill   r restart   f freeze/thaw   b ballots on/off   q quit";
        frame.render_widget(Paragraph::new(keys).style(Style::new().reversed()), foot);
    }

    fn network(&self) -> String {
        let n = self.nodes.len();
        let up = self
            .nodes
            .iter()
            .filter(|node| node.life == Life::Up && !node.silent)
            .count();
        let decides = if up * 3 > n * 2 {
            "decides blocks"
        } else {
            "DECIDES NOTHING until more are back"
        };
        format!(
            "{up} of {n} nodes are up, {} may fail: it {decides}",
            faults_tolerated(n)
        )
    }

    fn ballots(&self) -> String {
        let total = self.counted.map_or(0, |(ballots, _)| ballots);
        let voting = if self.voting {
            "voting goes on"
        } else {
            "nobody votes"
        };
        format!(
            "{total} ballots are final, {:.0} a second; {voting}",
            self.per_second
        )
    }
}

fn cells(node: &Node) -> Vec<Cell<'static>> {
    let state = match (node.life, node.silent) {
        (Life::Up, false) => "up",
        (Life::Up, true) => "silent",
        (Life::Down, _) => "down",
        (Life::Frozen, _) => "frozen",
    };
    let mut cells = vec![node.name.clone(), state.to_owned()];
    match node.status.as_ref().filter(|_| node.life == Life::Up) {
        Some(status) => cells.extend([
            status.height.to_string(),
            status.round.to_string(),
            status.peers.to_string(),
            status.pending.to_string(),
            format!("{:.16}", status.state_root),
        ]),
        None => cells.extend(["-", "-", "-", "-", "-"].map(String::from)),
    }
    cells.into_iter().map(Cell::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use std::time::Duration;
    use vote_chain::{
        BlockHash, Genesis, Height, Limits, Organisers, SecretKey, StateRoot, Timestamp, Validator,
    };

    fn status(height: u64) -> Status {
        let key = SecretKey::from_seed(&[1; 32]).public();
        let validator = Validator {
            key,
            name: "n1".into(),
            power: 1,
        };
        let genesis = Genesis {
            version: vote_chain::Version::NEWEST,
            name: "test".into(),
            time: Timestamp::from_ms(0),
            validators: vote_chain::ValidatorSet::new(vec![validator]).unwrap(),
            organisers: Organisers::Anyone,
            limits: Limits::default(),
        };
        Status {
            node: "n1".into(),
            version: "0".into(),
            peer: "p".into(),
            key,
            genesis: Box::new(genesis),
            height: Height::new(height),
            hash: BlockHash::default(),
            time: Timestamp::from_ms(0),
            state_root: StateRoot::default(),
            validator: true,
            validators: 4,
            peers: 3,
            power_connected: (4, 4),
            tracker: true,
            tracker_problem: None,
            protocol: vote_api::ProtocolVersions {
                now: vote_chain::Version::NEWEST,
                planned: None,
                newest: vote_chain::Version::NEWEST,
            },
            round: 0,
            pending: 7,
            listen: Vec::new(),
            allow_attacks: true,
            wire_bytes: (0, 0),
            signing: vote_api::Signing::Signs,
            unreachable: Vec::new(),
            deciding_ms: None,
            clock_ahead_ms: None,
            evidence: 0,
        }
    }

    fn screen() -> Screen {
        let mut screen = Screen::new(["n1", "n2", "n3", "n4"].map(String::from).into());
        (0..4).for_each(|at| screen.hear(at, Some(status(12))));
        screen
    }

    fn shown(screen: &Screen) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(80, 11)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let rows = buffer.content().chunks(usize::from(buffer.area.width));
        rows.map(|row| row.iter().map(|cell| cell.symbol()).collect())
            .collect()
    }

    fn press(screen: &mut Screen, code: KeyCode) -> Option<Action> {
        screen.take(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn network_is_shown_as_it_is() {
        let (mut screen, now) = (screen(), Instant::now());
        screen.count(100, now);
        screen.count(150, now + Duration::from_millis(500));
        screen.set(3, Life::Down);
        let lines = shown(&screen);
        assert_eq!(
            lines[0],
            "┌ 3 of 4 nodes are up, 1 may fail: it decides blocks ──────────────────────────┐"
        );
        assert_eq!(
            lines[1],
            "│NODE       STATE    HEIGHT   ROUND  PEERS  WAITING  STATE ROOT                │"
        );
        assert_eq!(
            lines[2],
            "│n1         up       12       0      3      7        0000000000000000          │"
        );
        assert_eq!(
            lines[5],
            "│n4         down     -        -      -      -        -                         │"
        );
        assert!(
            lines
                .iter()
                .any(|line| line.contains("150 ballots are final, 100 a second; nobody votes")),
            "{lines:?}"
        );
        screen.set(2, Life::Frozen);
        assert!(shown(&screen)[0].contains("DECIDES NOTHING"));
    }

    #[test]
    fn keys_do_what_the_foot_says_to_the_node_that_is_selected() {
        let mut screen = screen();
        assert_eq!(press(&mut screen, KeyCode::Down), None);
        assert_eq!(press(&mut screen, KeyCode::Char('r')), None, "it runs");
        assert_eq!(
            press(&mut screen, KeyCode::Char('f')),
            Some(Action::Freeze(1))
        );
        screen.set(1, Life::Frozen);
        assert_eq!(
            press(&mut screen, KeyCode::Char('f')),
            Some(Action::Thaw(1))
        );
        assert_eq!(
            press(&mut screen, KeyCode::Char('k')),
            Some(Action::Kill(1))
        );
        screen.set(1, Life::Down);
        assert_eq!(press(&mut screen, KeyCode::Char('k')), None, "it is down");
        assert_eq!(
            press(&mut screen, KeyCode::Char('r')),
            Some(Action::Restart(1))
        );
        assert!(press(&mut screen, KeyCode::Char('b')).is_none() && screen.voting());
        assert_eq!(press(&mut screen, KeyCode::Char('q')), Some(Action::Quit));
    }
}
