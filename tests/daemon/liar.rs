//! A node that lies: it passes the calls of an app on to an honest node, and changes answers on
//! their way back. It knows nothing of what they mean: an answer is a value of CBOR.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_cbor::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};

/// The lying node. It is there until it is dropped.
pub(crate) struct Liar {
    pub(crate) socket: PathBuf,
    /// Of the apps that come from now on; those that came before keep theirs, so that a late answer
    /// to one of them counts for nothing.
    lies: Arc<Mutex<Arc<Mutex<Lies>>>>,
    task: JoinHandle<()>,
}

/// What becomes of answers, and what they were.
#[derive(Default)]
struct Lies {
    plan: Plan,
    /// The answers so far, as the honest node gave them.
    heard: Vec<Value>,
    told: bool,
}

/// What becomes of answers.
#[derive(Default)]
pub(crate) enum Plan {
    /// They are passed on as they are.
    #[default]
    Honest,
    /// One place of one of them, counted from 0, is changed.
    One(usize, Vec<Step>, Lie),
    /// All of them are changed.
    All(fn(Value) -> Value),
}

/// A step from a value to a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// An item of an array.
    Item(usize),
    /// A field of a struct.
    Field(i128),
}

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// A number is one more; an enum is the next one.
    More,
    /// A text has more letters, and more than any is meant to have.
    Longer,
    /// One bit of a byte string is another.
    Flipped,
    /// Yes is no.
    Negated,
    /// A list stands on its head.
    Reversed,
    /// The last of a list is left out.
    Dropped,
    /// The first of a list is there twice.
    Doubled,
    /// There is nothing where there was something.
    Emptied,
    /// There is a number where there was nothing.
    Filled,
}

impl Liar {
    /// Listens on `socket`, and lies about what the node on `honest` says; honest so far.
    pub(crate) fn start(socket: PathBuf, honest: &Path) -> Self {
        let listener = UnixListener::bind(&socket).unwrap();
        let honest = honest.to_owned();
        let lies = Arc::<Mutex<Arc<Mutex<Lies>>>>::default();
        let shared = lies.clone();
        let task = tokio::spawn(async move {
            // Ends with the listener.
            let mut apps = JoinSet::new();
            loop {
                let (app, _) = listener.accept().await.unwrap();
                let node = UnixStream::connect(&honest).await.unwrap();
                let lies = shared.lock().unwrap().clone();
                apps.spawn(pass_on(app, node, lies));
            }
        });
        Self { socket, lies, task }
    }

    /// Lies so to the apps that come from now on, and counts answers from 0 again.
    pub(crate) fn plan(&self, plan: Plan) {
        *self.lies.lock().unwrap() = Arc::new(Mutex::new(Lies {
            plan,
            ..Lies::default()
        }));
    }

    fn last_plan(&self) -> Arc<Mutex<Lies>> {
        self.lies.lock().unwrap().clone()
    }

    /// The answers since the plan was made, as they were.
    pub(crate) fn heard(&self) -> Vec<Value> {
        self.last_plan().lock().unwrap().heard.clone()
    }

    /// Whether there was anything to change.
    pub(crate) fn has_lied(&self) -> bool {
        self.last_plan().lock().unwrap().told
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.socket);
    }
}

async fn pass_on(app: UnixStream, node: UnixStream, lies: Arc<Mutex<Lies>>) {
    let (mut from_app, mut to_app) = app.into_split();
    let (mut from_node, mut to_node) = node.into_split();
    let calls = async move { drop(tokio::io::copy(&mut from_app, &mut to_node).await) };
    let answers = async move {
        // What the node is called is nothing to believe or not: the greeting is passed on as it is.
        let greeting = read_frame(&mut from_node).await;
        if let Some(greeting) = greeting
            && write_frame(&mut to_app, &greeting).await.is_none()
        {
            return;
        }
        while let Some(frame) = read_frame(&mut from_node).await {
            let frame = lies.lock().unwrap().tell(&frame);
            if write_frame(&mut to_app, &frame).await.is_none() {
                return;
            }
        }
    };
    // Whichever side hangs up ends it for both.
    tokio::select! {
        () = calls => {}
        () = answers => {}
    }
}

impl Lies {
    /// Changes the answer of a reply: its field number 2.
    fn tell(&mut self, frame: &[u8]) -> Vec<u8> {
        let Ok(Value::Map(mut reply)) = serde_cbor::from_slice(frame) else {
            panic!("a reply is a map")
        };
        let answer = reply.get_mut(&Value::Integer(2)).unwrap();
        let number = self.heard.len();
        self.heard.push(answer.clone());
        match &self.plan {
            Plan::Honest => {}
            Plan::One(at, path, lie) if *at == number => {
                if let Some(part) = at_path(answer, path) {
                    self.told = lie.tell(part);
                }
            }
            Plan::One(..) => {}
            Plan::All(change) => {
                *answer = change(answer.clone());
                self.told = true;
            }
        }
        serde_cbor::to_vec(&Value::Map(reply)).unwrap()
    }
}

async fn read_frame(read: &mut (impl AsyncReadExt + Unpin)) -> Option<Vec<u8>> {
    let mut frame = vec![0; usize::try_from(read.read_u32().await.ok()?).unwrap()];
    read.read_exact(&mut frame).await.ok()?;
    Some(frame)
}

async fn write_frame(write: &mut (impl AsyncWriteExt + Unpin), frame: &[u8]) -> Option<()> {
    write
        .write_u32(u32::try_from(frame.len()).unwrap())
        .await
        .ok()?;
    write.write_all(frame).await.ok()
}

fn at_path<'a>(value: &'a mut Value, path: &[Step]) -> Option<&'a mut Value> {
    let Some((step, rest)) = path.split_first() else {
        return Some(value);
    };
    let part = match (step, value) {
        (Step::Item(at), Value::Array(items)) => items.get_mut(*at)?,
        (Step::Field(number), Value::Map(fields)) => fields.get_mut(&Value::Integer(*number))?,
        _ => return None,
    };
    at_path(part, rest)
}

impl Lie {
    const ALL: [Self; 9] = [
        Self::More,
        Self::Longer,
        Self::Flipped,
        Self::Negated,
        Self::Reversed,
        Self::Dropped,
        Self::Doubled,
        Self::Emptied,
        Self::Filled,
    ];

    /// Changes a value, if it can be changed so.
    fn tell(self, value: &mut Value) -> bool {
        let before = value.clone();
        match (self, &mut *value) {
            (Self::More, Value::Integer(number)) => *number += 1,
            (Self::Longer, Value::Text(text)) => text.push_str(&"x".repeat(70_000)),
            (Self::Flipped, Value::Bytes(bytes)) => match bytes.last_mut() {
                Some(last) => *last ^= 1,
                None => bytes.push(1),
            },
            (Self::Negated, Value::Bool(flag)) => *flag = !*flag,
            (Self::Reversed, Value::Array(items)) => items.reverse(),
            (Self::Dropped, Value::Array(items)) => drop(items.pop()),
            (Self::Doubled, Value::Array(items)) => {
                if let Some(first) = items.first().cloned() {
                    items.insert(0, first);
                }
            }
            (Self::Emptied, _) => *value = Value::Null,
            (Self::Filled, Value::Null) => *value = Value::Integer(1),
            _ => {}
        }
        *value != before
    }
}

/// Every lie that can be told of a value: of each of its parts, in each way.
pub(crate) fn lies_about(value: &Value) -> Vec<(Vec<Step>, Lie)> {
    let mut lies = Vec::new();
    collect(value, &mut Vec::new(), &mut lies);
    lies
}

fn collect(value: &Value, path: &mut Vec<Step>, lies: &mut Vec<(Vec<Step>, Lie)>) {
    for lie in Lie::ALL {
        if lie.tell(&mut value.clone()) {
            lies.push((path.clone(), lie));
        }
    }
    let parts: Vec<(Step, &Value)> = match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, item)| (Step::Item(at), item))
            .collect(),
        Value::Map(fields) => {
            let field = |(key, value)| match key {
                &Value::Integer(number) => (Step::Field(number), value),
                _ => panic!("fields have numbers"),
            };
            fields.iter().map(field).collect()
        }
        _ => Vec::new(),
    };
    for (step, part) in parts {
        path.push(step);
        collect(part, path, lies);
        path.pop();
    }
}

/// Of an answer: its number.
pub(crate) fn number(answer: &Value) -> i128 {
    match answer {
        Value::Integer(number) => *number,
        Value::Array(parts) => match parts.first() {
            Some(Value::Integer(number)) => *number,
            _ => panic!("no enum: {answer:?}"),
        },
        _ => panic!("no enum: {answer:?}"),
    }
}
