//! How a provider is looked after beside the requests.

use std::time::Duration;

use crate::config::problem::At;
use crate::config::read::Table;

/// `health` of a provider.
#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) path: At<String>,
    pub(crate) every: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
}

impl Health {
    pub(crate) fn read(table: &mut Table<'_>) -> Option<At<Self>> {
        let value = table.value("health")?;
        let place = value.place.clone();
        let health =
            value.table("a table such as { path = \"/models\", every = \"30s\" }", |table| {
                let (path, every) = (table.string("path"), table.duration("every"));
                let timeout = table.duration("timeout");
                if path.is_none() && !table.attempted("path") {
                    table.problem(
                        "has no `path`; expected one below `base_url`, such as \"/models\"",
                    );
                }
                Some(Self { path: path?, every, timeout })
            });
        Some(At::new(health??, place))
    }
}
