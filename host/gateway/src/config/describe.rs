//! What a configuration amounts to, as tables that an operator reads before trusting it.

mod models;

use std::fmt::Write as _;
use std::sync::Arc;

use super::resolved::{Config, Credential, PluginSource, Provider};
pub use models::models;
use portcullis_ledger::Measure;

/// No line is wider.
const WIDTH: usize = 100;
const GAP: usize = 2;

impl Config {
    /// Addresses, providers, routes and policies, in at most 100 columns; never a secret.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        let source = match self.sources.first() {
            Some(file) => file.display().to_string(),
            None => "the environment".into(),
        };
        for (what, value) in [
            ("configuration", source),
            ("clients", format!("http://{}", self.server.listen)),
            ("admin", format!("http://{}", self.admin.listen)),
        ] {
            let _ = writeln!(text, "{what:<15}{value}");
        }
        text.push('\n');
        let providers = self.providers.iter();
        let providers = providers.map(|provider| self.provider_row(provider)).collect();
        text += &table(
            ["PROVIDER", "PLUGIN", "WHERE", "CREDENTIAL", "MODELS"],
            [14, 12, 31, 28, 7],
            providers,
        );
        text.push('\n');
        let routes = self.routes.iter().map(|route| {
            let policies = route.policies.iter().map(|index| self.policies[*index].name.as_str());
            let candidates =
                route.candidates.iter().map(|index| self.candidates[*index].id.as_str());
            [route.name.clone(), or_none(policies.collect()), or_none(candidates.collect())]
        });
        text += &table(["ROUTE", "POLICIES", "CANDIDATES"], [14, 24, 58], routes.collect());
        text.push('\n');
        let policies = self.policies.iter().map(|policy| {
            let grants = policy.grants.iter().map(String::as_str).collect();
            [policy.name.clone(), plugin(&policy.plugin), or_none(grants)]
        });
        text += &table(["POLICY", "PLUGIN", "GRANTS"], [14, 24, 58], policies.collect());
        if !self.limits.is_empty() {
            text.push('\n');
            let limits = self.limits.iter().map(|limit| {
                let most = match limit.measure {
                    Measure::Nanodollars => format!("${}", limit.most as f64 / 1e9),
                    measure => format!("{} {}", limit.most, measure.name()),
                };
                let per = match limit.measure {
                    Measure::Concurrent => "at once".to_owned(),
                    _ => format!("a {}", limit.per.word()),
                };
                let whose = format!("{} {}", limit.subject.name(), limit.pattern);
                [limit.name.to_string(), whose, format!("{most} {per}")]
            });
            text += &table(["LIMIT", "OF", "MOST"], [14, 40, 42], limits.collect());
        }
        if !self.tenants.is_empty() {
            text.push('\n');
            let tenants = self.tenants.iter().map(|tenant| {
                let parent = tenant.parent.as_deref().unwrap_or("-").to_owned();
                let keys = tenant.keys.iter().map(|key| &*key.id).collect();
                [tenant.name.to_string(), parent, or_none(keys), self.own(&tenant.name)]
            });
            let titles = ["TENANT", "PART OF", "KEYS", "ITS OWN"];
            text += &table(titles, [14, 14, 32, 34], tenants.collect());
        }
        text
    }

    /// What is that tenant's own.
    fn own(&self, tenant: &str) -> String {
        let is_its = |own: &Option<Arc<str>>| own.as_deref() == Some(tenant);
        let providers = self.providers.iter().filter(|it| is_its(&it.tenant)).map(|it| &it.name);
        let policies = self.policies.iter().filter(|it| is_its(&it.tenant)).map(|it| &it.name);
        let routes = self.routes.iter().filter(|it| is_its(&it.tenant)).map(|it| &it.name);
        or_none(providers.chain(policies).chain(routes).map(String::as_str).collect())
    }

    fn provider_row(&self, provider: &Provider) -> [String; 5] {
        let known =
            self.candidates.iter().filter(|known| known.provider() == provider.name).count();
        let models = match (known, provider.open_models) {
            (0, _) => "any".into(),
            (known, true) => format!("{known}+any"),
            (known, false) => known.to_string(),
        };
        let local = if provider.local { " local" } else { "" };
        let base_url = provider.base_url.iter();
        let places = base_url.map(|url| url.as_str().trim_end_matches('/').to_owned());
        let programs =
            provider.commands.iter().map(|command| format!("runs {}", command.program.display()));
        let mut places: Vec<String> = places.chain(programs).collect();
        places.dedup();
        let place = format!("{}{local}", places.join(", "));
        [
            provider.name.clone(),
            plugin(&provider.plugin),
            place,
            credential(&provider.credential),
            models,
        ]
    }
}

fn plugin(source: &PluginSource) -> String {
    match source {
        PluginSource::Bundled(name) => name.clone(),
        PluginSource::File { path, .. } => path.display().to_string(),
    }
}

fn credential(credential: &Credential) -> String {
    let (form, secret) = match credential {
        Credential::None => return "none".into(),
        Credential::Bearer(secret) => ("bearer".to_owned(), secret),
        Credential::Header { name, secret } => (name.to_string(), secret),
        Credential::Query { name, secret } => (format!("?{name}"), secret),
        Credential::Basic { secret, .. } => ("basic".to_owned(), secret),
        Credential::OAuth2(oauth2) => {
            match oauth2.refresh_token.as_ref().or(oauth2.client_secret.as_ref()) {
                Some(secret) => ("oauth2".to_owned(), secret),
                None => return "oauth2".into(),
            }
        }
    };
    format!("{form} {}", secret.source())
}

fn or_none(words: Vec<&str>) -> String {
    if words.is_empty() { "none".into() } else { words.join(", ") }
}

/// Aligned columns. A cell that is too long is broken at a space where it has one, and cut where
/// it has none.
fn table<const N: usize>(titles: [&str; N], most: [usize; N], rows: Vec<[String; N]>) -> String {
    debug_assert!(most.iter().sum::<usize>() + GAP * (N - 1) <= WIDTH);
    let titles = titles.map(str::to_owned);
    let rows = std::iter::once(titles).chain(rows);
    let rows =
        rows.map(|row| std::array::from_fn::<_, N, _>(|column| lines(&row[column], most[column])));
    let rows = rows.collect::<Vec<_>>();
    let width = |column: usize| {
        let cells = rows.iter().flat_map(|row| &row[column]);
        cells.map(|line| line.chars().count()).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let height = row.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let cells = row.iter().zip(widths).map(|(cell, width)| {
                format!("{:width$}", cell.get(line).map_or("", String::as_str), width = width + GAP)
            });
            text += cells.collect::<String>().trim_end();
            text.push('\n');
        }
    }
    text
}

fn lines(cell: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in cell.split(' ') {
        let long = word.chars().count() > most;
        let word = if long {
            format!("{}…", word.chars().take(most - 1).collect::<String>())
        } else {
            word.into()
        };
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}
