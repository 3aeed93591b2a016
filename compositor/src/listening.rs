//! Sockets that clients connect to.
//!
//! A connection that cannot be taken, as there are no descriptors left, keeps its socket readable: a loop
//! that goes on listening turns without end. So the socket is left alone for a while; who waits on it waits
//! a little longer.

use std::{
    cell::Cell,
    io,
    os::{fd::AsFd, unix::net::UnixStream},
    rc::Rc,
    time::Duration,
};

use smithay::{
    reexports::calloop::{
        self, EventSource, Interest, Mode, Poll, PostAction, Readiness, RegistrationToken, Token,
        TokenFactory, generic::Generic,
    },
    wayland::security_context::SecurityContextListenerSource,
};

use crate::{Error, clock::Due, state::Compositor};

/// How long a socket is left alone that no connection could be taken from.
const PAUSE: Duration = Duration::from_secs(1);

/// A listening socket's place in the loop, which it has once it is there.
type Place = Rc<Cell<Option<RegistrationToken>>>;

/// The sockets that are left alone.
#[derive(Debug, Default)]
pub(crate) struct Paused(Vec<RegistrationToken>);

impl Compositor {
    /// Listens on a socket. `accept` takes a connection, and says whether there was one.
    pub(crate) fn listen_on<S: AsFd + 'static>(
        &mut self,
        socket: S,
        mut accept: impl FnMut(&S, &mut Compositor) -> io::Result<bool> + 'static,
    ) -> Result<(), Error> {
        let place = Place::default();
        let own = place.clone();
        let source = Generic::new(socket, Interest::READ, Mode::Level);
        let token = self.events.insert_source(source, move |_, socket, state| {
            loop {
                match accept(socket, state) {
                    Ok(true) => {}
                    Ok(false) => return Ok(PostAction::Continue),
                    Err(_) => {
                        state.pause(&own);
                        return Ok(PostAction::Disable);
                    }
                }
            }
        })?;
        place.set(Some(token));
        Ok(())
    }

    /// Listens on a sandbox's socket until the sandbox is gone.
    pub(crate) fn listen_for_sandbox(
        &mut self,
        source: SecurityContextListenerSource,
        mut take: impl FnMut(UnixStream, &mut Compositor) + 'static,
    ) -> Result<(), Error> {
        let place = Place::default();
        let own = place.clone();
        let source = Lasting(source);
        let token =
            self.events
                .insert_source(source, move |connection, (), state| match connection {
                    Ok(stream) => take(stream, state),
                    Err(_) => state.pause(&own),
                })?;
        place.set(Some(token));
        Ok(())
    }

    fn pause(&mut self, place: &Place) {
        if let Some(token) = place.get() {
            self.paused.0.push(token);
            self.deadlines.set(self.clock.now() + PAUSE, Due::Listen);
        }
    }

    /// Listens again where that was left.
    pub(crate) fn listen_again(&mut self) {
        for token in std::mem::take(&mut self.paused.0) {
            // It fails only for a socket that is gone meanwhile.
            let _ = self.events.enable(&token);
        }
    }
}

/// A sandbox's socket whose errors don't end the loop: they are events, and it is disabled.
struct Lasting(SecurityContextListenerSource);

impl EventSource for Lasting {
    type Event = io::Result<UnixStream>;
    type Metadata = ();
    type Ret = ();
    type Error = io::Error;

    fn process_events<F: FnMut(Self::Event, &mut ())>(
        &mut self,
        readiness: Readiness,
        token: Token,
        mut callback: F,
    ) -> io::Result<PostAction> {
        let taken = self
            .0
            .process_events(readiness, token, |stream, ()| callback(Ok(stream), &mut ()));
        taken.or_else(|err| {
            callback(Err(err), &mut ());
            Ok(PostAction::Disable)
        })
    }

    fn register(&mut self, poll: &mut Poll, factory: &mut TokenFactory) -> calloop::Result<()> {
        self.0.register(poll, factory)
    }

    fn reregister(&mut self, poll: &mut Poll, factory: &mut TokenFactory) -> calloop::Result<()> {
        self.0.reregister(poll, factory)
    }

    fn unregister(&mut self, poll: &mut Poll) -> calloop::Result<()> {
        self.0.unregister(poll)
    }
}
