//! How a credential is written: its form, and where the secret in it comes from.

mod oauth2;

use http::HeaderName;

use super::problem::At;
use super::read::{Table, Value};
pub(crate) use oauth2::OAuth2;

const FORMS: &str = "{ env = \"KEY\" }, { file = \"key\" }, or a form around one of these: \
                     bearer, header, query, basic, oauth2";

/// A credential as it was said.
#[derive(Clone)]
pub(crate) enum Credential {
    /// `"none"`: not even the preset's.
    None,
    /// A secret without a form: the preset's form, or else bearer.
    Short(SecretFrom),
    Bearer(SecretFrom),
    Header {
        name: HeaderName,
        secret: SecretFrom,
    },
    Query {
        name: String,
        secret: SecretFrom,
    },
    Basic {
        username: String,
        secret: SecretFrom,
    },
    OAuth2(Box<OAuth2>),
}

/// Where a secret is to be read from.
#[derive(Clone)]
pub(crate) enum SecretFrom {
    Env(At<String>),
    File(At<String>),
}

impl Credential {
    /// The key `credential` of a provider.
    pub(crate) fn read(table: &mut Table<'_>) -> Option<At<Self>> {
        let value = table.value("credential")?;
        let place = value.place.clone();
        if value.as_str() == Some("none") {
            return Some(At::new(Self::None, place));
        }
        if value.as_str().is_some() {
            // Never repeat the text: it may well be the secret itself.
            let expected = format!("where the secret comes from, such as {FORMS}");
            return value.unfit("is a string; a secret is never written here", &expected);
        }
        let said = value.table(FORMS, Self::forms)?;
        Some(At::new(said?, place))
    }

    fn forms(table: &mut Table<'_>) -> Option<Self> {
        let before = table.problems_so_far();
        let short = secret_of(table).map(Self::Short);
        let bearer = table.table("bearer", |inner| required(inner).map(Self::Bearer)).flatten();
        let header = table.table("header", header).flatten();
        let query = table.table("query", query).flatten();
        let basic = table.table("basic", basic).flatten();
        let oauth2 = table.table("oauth2", OAuth2::read).map(|said| Self::OAuth2(Box::new(said)));
        for later in ["sigv4", "command"] {
            table.unsupported(later, "use bearer, header, query, basic or oauth2");
        }
        let mut said = [short, bearer, header, query, basic, oauth2].into_iter().flatten();
        let first = said.next();
        if table.problems_so_far() == before && !table.has_unknown() {
            if first.is_none() {
                table.problem(&format!("names no secret; expected {FORMS}"));
            } else if said.next().is_some() {
                table.problem("has more than one form; keep one of them");
            }
        }
        first
    }

    /// The operator's credential, in the form of the preset where it has none of its own.
    pub(crate) fn over(said: Option<At<Self>>, preset: Option<At<Self>>) -> Option<At<Self>> {
        let Some(said) = said else { return preset };
        let whole = match (said.value, preset.map(|preset| preset.value)) {
            (Self::Short(secret), Some(Self::Header { name, .. })) => Self::Header { name, secret },
            (Self::Short(secret), Some(Self::Query { name, .. })) => Self::Query { name, secret },
            (Self::Short(secret), Some(Self::Basic { username, .. })) => {
                Self::Basic { username, secret }
            }
            (Self::Short(secret), Some(Self::OAuth2(preset))) => {
                Self::OAuth2(Box::new(preset.with(secret)))
            }
            (Self::Short(secret), _) => Self::Bearer(secret),
            (Self::OAuth2(said), Some(Self::OAuth2(preset))) => {
                Self::OAuth2(Box::new(said.over(*preset)))
            }
            (said, _) => said,
        };
        Some(At::new(whole, said.place))
    }

    /// Where its secret is to be read from, where it has one and no more.
    pub(crate) fn secret(&self) -> Option<&SecretFrom> {
        match self {
            Self::None | Self::OAuth2(_) => None,
            Self::Short(secret)
            | Self::Bearer(secret)
            | Self::Header { secret, .. }
            | Self::Query { secret, .. }
            | Self::Basic { secret, .. } => Some(secret),
        }
    }
}

impl Value<'_> {
    /// `{ env = "NAME" }`, outside of credentials.
    pub(crate) fn env(&self) -> Option<At<String>> {
        self.table("a string or { env = \"NAME\" }", |table| {
            let name = table.string("env");
            if name.is_none() && !table.has("env") && !table.has_unknown() {
                table.problem("names no variable; expected { env = \"NAME\" }");
            }
            name
        })?
    }
}

fn header(table: &mut Table<'_>) -> Option<Credential> {
    let parse = |text: &str| {
        HeaderName::from_bytes(text.as_bytes()).map_err(|_| "is not a header's name".to_owned())
    };
    let name = table.parsed("name", "a header's name such as \"x-api-key\"", parse);
    if name.is_none() && !table.has("name") {
        table.problem("has no `name`; expected the header's name");
    }
    let secret = required(table);
    Some(Credential::Header { name: name?.value, secret: secret? })
}

fn query(table: &mut Table<'_>) -> Option<Credential> {
    let name = named(table, "name", "the query parameter's name");
    let secret = required(table);
    Some(Credential::Query { name: name?, secret: secret? })
}

fn basic(table: &mut Table<'_>) -> Option<Credential> {
    let username = named(table, "username", "the user's name");
    let secret = required(table);
    Some(Credential::Basic { username: username?, secret: secret? })
}

fn named(table: &mut Table<'_>, key: &'static str, what: &str) -> Option<String> {
    let name = table.string(key);
    if name.is_none() && !table.has(key) {
        table.problem(&format!("has no `{key}`; expected {what}"));
    }
    Some(name?.value)
}

pub(super) fn required(table: &mut Table<'_>) -> Option<SecretFrom> {
    let secret = secret_of(table);
    if secret.is_none() && !table.has("env") && !table.has("file") && !table.has_unknown() {
        table.problem("names no secret; expected `env` or `file`");
    }
    secret
}

fn secret_of(table: &mut Table<'_>) -> Option<SecretFrom> {
    let env = table.string("env").map(SecretFrom::Env);
    let file = table.string("file").map(SecretFrom::File);
    if env.is_some() && file.is_some() {
        table.problem("has both `env` and `file`; keep one of them");
    }
    env.or(file)
}
