//! What conditions know of a request: read when a condition first asks, and once.

use crate::calendar::{Moment, Offset};
use crate::condition::Names;
use portcullis_sdk::Request;
use portcullis_sdk::capabilities::clock;
use std::cell::OnceCell;

/// A number that conditions can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    TokenCount,
    MaxTokens,
    Hour,
    Minute,
}

/// A text that conditions can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    Model,
    Operation,
    Tenant,
    Weekday,
    Date,
}

/// The request that is decided about.
pub(crate) struct Facts<'a> {
    request: &'a Request,
    names: &'a Names,
    time_zone: Offset,
    token_count: OnceCell<u32>,
    max_tokens: OnceCell<Option<u32>>,
    streaming: OnceCell<bool>,
    model: OnceCell<String>,
    operation: OnceCell<String>,
    tenant: OnceCell<String>,
    moment: OnceCell<Moment>,
    labels: Box<[OnceCell<String>]>,
    needs: Box<[OnceCell<bool>]>,
}

impl<'a> Facts<'a> {
    pub(crate) fn of(request: &'a Request, names: &'a Names, time_zone: Offset) -> Self {
        Self {
            request,
            names,
            time_zone,
            token_count: OnceCell::new(),
            max_tokens: OnceCell::new(),
            streaming: OnceCell::new(),
            model: OnceCell::new(),
            operation: OnceCell::new(),
            tenant: OnceCell::new(),
            moment: OnceCell::new(),
            labels: names.labels().iter().map(|_| OnceCell::new()).collect(),
            needs: names.features().iter().map(|_| OnceCell::new()).collect(),
        }
    }

    /// What is not known is not a number, which is neither less nor more than any and like none.
    pub(crate) fn number(&self, of: Number) -> f64 {
        match of {
            Number::TokenCount => {
                (*self.token_count.get_or_init(|| self.request.input_token_estimate())).into()
            }
            Number::MaxTokens => {
                let most = self.max_tokens.get_or_init(|| self.request.max_output_tokens());
                most.map_or(f64::NAN, f64::from)
            }
            Number::Hour => self.moment().hour.into(),
            Number::Minute => self.moment().minute.into(),
        }
    }

    pub(crate) fn text(&self, of: Text) -> &str {
        match of {
            Text::Model => self.model.get_or_init(|| self.request.model()),
            Text::Operation => self.operation.get_or_init(|| self.request.operation()),
            Text::Tenant => self.tenant.get_or_init(|| self.request.tenant()),
            Text::Weekday => self.moment().weekday,
            Text::Date => &self.moment().date,
        }
    }

    /// A label that the request does not have is empty.
    pub(crate) fn label(&self, place: usize) -> &str {
        let read = || self.request.label(&self.names.labels()[place]).unwrap_or_default();
        self.labels[place].get_or_init(read)
    }

    pub(crate) fn needs(&self, place: usize) -> bool {
        let read = || self.request.needs(&self.names.features()[place]);
        *self.needs[place].get_or_init(read)
    }

    pub(crate) fn streaming(&self) -> bool {
        *self.streaming.get_or_init(|| self.request.streaming())
    }

    /// Notes a label, in place of what the request has.
    pub(crate) fn set(&mut self, place: usize, value: &str) {
        self.labels[place] = OnceCell::from(value.to_owned());
    }

    fn moment(&self) -> &Moment {
        self.moment.get_or_init(|| self.time_zone.at(clock::now_ms()))
    }
}
