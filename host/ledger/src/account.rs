//! What is counted: an account, the limit on it, and what a request claims of it.
//!
//! An account is one measure of one subject over one period: "the nanodollars of key k a day".
//! Its name is one text, so that the store, the journal and the memory call it the same, and a
//! person who looks into them can read it.

use crate::window::{Period, Window};
use jiff::tz::TimeZone;
use std::fmt;
use std::sync::Arc;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    /// Money, in billionths of a US dollar.
    Nanodollars,
    /// Tokens, in and out.
    Tokens,
    /// Requests that were begun.
    Requests,
    /// Requests that are under way: nothing of it is ever spent, all of it comes back.
    Concurrent,
}

/// Whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A key.
    Key,
    /// A tenant.
    Tenant,
    /// A route.
    Route,
    /// A provider.
    Provider,
    /// A model.
    Model,
    /// A label, as `name=value`.
    Label,
    /// A conversation.
    Conversation,
}

/// The name of an account. A clone is the same one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account(Arc<str>);

/// How much of an account may be spent in a window.
#[derive(Clone, Debug)]
pub struct Limit {
    account: Account,
    measure: Measure,
    period: Period,
    zone: TimeZone,
    most: i64,
}

/// What a request wants of an account.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Of which, and how much may be spent there.
    pub limit: Arc<Limit>,
    /// The most that the request will spend: an estimate. What is below nothing is nothing.
    pub amount: i64,
}

/// What there is of a limit at present, as far as this process knows without asking: what others
/// have taken since it asked is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Of which account.
    pub account: Account,
    /// How much may be spent.
    pub most: i64,
    /// How much of it is spent, or held by those who are about to.
    pub spent: i64,
    /// When it begins anew, in milliseconds since the Unix epoch; `None` where it never does.
    pub resets_at: Option<i64>,
}

impl Measure {
    const ALL: [Self; 4] = [Self::Nanodollars, Self::Tokens, Self::Requests, Self::Concurrent];

    /// Its name in configurations and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nanodollars => "nanodollars",
            Self::Tokens => "tokens",
            Self::Requests => "requests",
            Self::Concurrent => "concurrent",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }
}

impl Subject {
    /// Its name in configurations and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Tenant => "tenant",
            Self::Route => "route",
            Self::Provider => "provider",
            Self::Model => "model",
            Self::Label => "label",
            Self::Conversation => "conversation",
        }
    }
}

impl Account {
    /// The account of this measure of a subject. The name of the subject comes last, so that
    /// nothing that stands in it makes another account of it.
    #[must_use]
    pub fn new(measure: Measure, period: Period, subject: Subject, name: &str) -> Self {
        let (measure, period, subject) = (measure.name(), period.name(), subject.name());
        // PostgreSQL has no zero byte in a text.
        let name = name.replace('\0', "\u{fffd}");
        Self(format!("{measure} {period} {subject} {name}").into())
    }

    /// An account by its name, as the store and the journal have it.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(name.into())
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Whether what is held of it comes back when its holder is gone.
    pub(crate) fn comes_back(&self) -> bool {
        self.0.split(' ').next() == Some(Measure::Concurrent.name())
    }

    /// Whether it is of a conversation. There is no end to how many there are.
    pub(crate) fn is_of_conversation(&self) -> bool {
        self.0.split(' ').nth(2) == Some(Subject::Conversation.name())
    }
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl Limit {
    /// At most so much of this measure of a subject in each period, whose days are those of a
    /// time zone. Requests under way have no period: it is `Total` for them.
    #[must_use]
    pub fn new(
        measure: Measure,
        period: Period,
        zone: TimeZone,
        (subject, name): (Subject, &str),
        most: i64,
    ) -> Self {
        let period = if measure == Measure::Concurrent { Period::Total } else { period };
        let account = Account::new(measure, period, subject, name);
        Self { account, measure, period, zone, most: most.max(0) }
    }

    /// The account that it is on.
    #[must_use]
    pub const fn account(&self) -> &Account {
        &self.account
    }

    /// What it counts.
    #[must_use]
    pub const fn measure(&self) -> Measure {
        self.measure
    }

    /// How much may be spent in a window.
    #[must_use]
    pub const fn most(&self) -> i64 {
        self.most
    }

    /// The window that a moment is in.
    #[must_use]
    pub fn window(&self, now: i64) -> Window {
        self.period.window(&self.zone, now)
    }
}

impl Standing {
    /// How much may still be spent.
    #[must_use]
    pub fn remaining(&self) -> i64 {
        self.most.saturating_sub(self.spent).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Account, Limit, Measure, Standing, Subject};
    use crate::window::{Period, Window};
    use jiff::tz::TimeZone;

    #[test]
    fn an_account_has_one_name_and_each_name_is_one_account() {
        let account = Account::new(Measure::Tokens, Period::Day, Subject::Key, "k 1");
        assert_eq!(account.name(), "tokens day key k 1");
        assert_eq!(Account::named(account.name()), account);
        let other = Account::new(Measure::Tokens, Period::Day, Subject::Label, "key k 1");
        assert_ne!(other, account);
        assert!(!account.comes_back() && !account.is_of_conversation());
        let other = Account::new(Measure::Tokens, Period::Total, Subject::Conversation, "c");
        assert!(other.is_of_conversation());
    }

    #[test]
    fn requests_under_way_have_no_period() {
        let whose = (Subject::Tenant, "t");
        let limit = Limit::new(Measure::Concurrent, Period::Minute, TimeZone::UTC, whose, 3);
        assert_eq!(limit.account().name(), "concurrent total tenant t");
        assert!(limit.account().comes_back());
        assert_eq!(limit.window(1), Window::FOREVER);
    }

    #[test]
    fn a_limit_below_nothing_is_nothing_and_what_is_over_leaves_nothing() {
        let whose = (Subject::Tenant, "t");
        let limit = Limit::new(Measure::Tokens, Period::Day, TimeZone::UTC, whose, -5);
        assert_eq!(limit.most(), 0);
        let account = limit.account().clone();
        let standing = Standing { account, most: 3, spent: 5, resets_at: None };
        assert_eq!(standing.remaining(), 0);
        for name in ["nanodollars", "tokens", "requests", "concurrent"] {
            assert_eq!(Measure::of_name(name).unwrap().name(), name);
        }
        assert_eq!(Measure::of_name("cents"), None);
    }
}
