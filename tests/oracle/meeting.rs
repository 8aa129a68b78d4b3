//! Where hooks of several builds meet, and where a test meets them: a listener on loopback.
//!
//! In: hooks that connect. Out: how many are there, and the word to go on when enough have come. Never: a file: hooks of
//! different builds have none in common.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// A meeting place. It stays until the test ends.
pub struct Meeting {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    waiting: Vec<TcpStream>,
    came: usize,
    here: usize,
    most: usize,
}

impl Meeting {
    /// One that lets everybody go when `enough` have come.
    pub fn of(enough: usize) -> Meeting {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state: Arc<Mutex<State>> = Arc::default();
        let meeting = Meeting { port, state: state.clone() };
        thread::spawn(move || {
            for guest in listener.incoming().flatten() {
                welcome(guest, &state, enough);
            }
        });
        meeting
    }

    /// What a hook says to come, and to wait until it may go on. It is there until it ends.
    pub fn come(&self) -> String {
        format!(
            "exec 9<> /dev/tcp/127.0.0.1/{}; read -r -t 60 go <&9 || {{ echo nobody came >&2; exit 1; }}",
            self.port
        )
    }

    /// Comes as the test itself.
    pub fn join(&self) {
        let mut word = [0; 3];
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the meeting place");
        stream.read_exact(&mut word).expect("the word to go on");
    }

    /// How many have come.
    pub fn came(&self) -> usize {
        lock(&self.state).came
    }

    /// How many were there at once.
    pub fn most(&self) -> usize {
        lock(&self.state).most
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn welcome(guest: TcpStream, state: &Arc<Mutex<State>>, enough: usize) {
    let mut line = guest.try_clone().expect("a second handle");
    {
        let mut state = lock(state);
        state.waiting.push(guest);
        state.came += 1;
        state.here += 1;
        state.most = state.most.max(state.here);
        if state.came >= enough {
            // One that is gone needs no word.
            state.waiting.drain(..).for_each(|mut guest| drop(guest.write_all(b"go\n")));
        }
    }
    let state = state.clone();
    thread::spawn(move || {
        // It says nothing; this ends when it is gone.
        let _ = line.read(&mut [0]);
        lock(&state).here -= 1;
    });
}
