//! A [`Provider`] behind the world's exports.

use super::{
    Description, Ending, Event, Exchange, Failure, FailureKind, Frame, Model, Provider, ReplyHead,
};
use crate::Request;
use crate::bindings::provider::exports::portcullis::plugin::provider as world;
use crate::export::{self, Plugin};
use std::cell::RefCell;
use std::marker::PhantomData;

/// The exports of a provider.
pub struct Exported<P>(PhantomData<P>);

/// One exchange as the host holds it. The host calls one function at a time, so the cell is
/// never borrowed twice.
pub struct Held<P: Provider>(RefCell<P::Exchange>);

impl<P: Provider + Plugin> world::Guest for Exported<P> {
    type Exchange = Held<P>;

    fn describe() -> Description {
        export::log_panics();
        P::describe()
    }

    fn configure(settings: String) -> Result<(), String> {
        export::log_panics();
        export::configure(&settings, P::configure)
    }

    fn refused(head: ReplyHead, body: Vec<u8>) -> Failure {
        match provider::<P>() {
            Ok(provider) => provider.refused(&head, &body),
            Err(failure) => failure,
        }
    }

    fn list_models_call() -> Option<super::Call> {
        provider::<P>().ok()?.list_models_call()
    }

    fn read_models(head: ReplyHead, body: Vec<u8>) -> Result<Vec<Model>, Failure> {
        provider::<P>()?.read_models(&head, &body)
    }
}

impl<P: Provider + Plugin> world::GuestExchange for Held<P> {
    fn start(request: world::Request) -> Result<(world::Exchange, super::Call), Failure> {
        let (exchange, call) = provider::<P>()?.start(&Request::from(request))?;
        Ok((world::Exchange::new(Self(RefCell::new(exchange))), call))
    }

    fn head(&self, head: ReplyHead) -> Result<(), Failure> {
        self.0.borrow_mut().head(&head)
    }

    fn frames(&self, frames: Vec<Frame>) -> Result<Vec<Event>, Failure> {
        self.0.borrow_mut().frames(frames)
    }

    fn end(&self) -> Result<Ending, Failure> {
        self.0.borrow_mut().end()
    }
}

/// The configured provider.
fn provider<P: Provider + Plugin>() -> Result<&'static P, Failure> {
    export::log_panics();
    export::configured(|settings| export::configure(settings, P::configure))
        .map_err(|error| Failure::new(FailureKind::Other, error))
}
