//! `oauth2 = { … }`: how access tokens are to be had, as it was said. What has to be there is
//! checked in `resolve`, because a preset may say one part and the operator the other.

use super::{SecretFrom, required};
use crate::config::problem::At;
use crate::config::read::{Table, Value};
use crate::config::resolved::ClientAuthentication;

/// What a request for a token says anyway, so that nobody needs to say it in `parameters`.
const OURS: [&str; 5] = ["grant_type", "client_id", "client_secret", "refresh_token", "scope"];

/// The keys of `oauth2`.
#[derive(Clone, Default)]
pub(crate) struct OAuth2 {
    pub(crate) token_url: Option<At<String>>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<SecretFrom>,
    pub(crate) client_authentication: Option<ClientAuthentication>,
    pub(crate) refresh_token: Option<SecretFrom>,
    pub(crate) write_back: Option<bool>,
    pub(crate) scope: Option<String>,
    pub(crate) parameters: Vec<(String, String)>,
    /// A key was said and could not be read, so that it is neither there nor missing.
    pub(crate) unclear: bool,
}

impl OAuth2 {
    pub(super) fn read(table: &mut Table<'_>) -> Self {
        let before = table.problems_so_far();
        let authentication =
            table.parsed("client_authentication", "\"basic\" or \"body\"", authentication);
        let mut said = Self {
            token_url: table.string("token_url"),
            client_id: table.string("client_id").map(|id| id.value),
            client_secret: table.table("client_secret", required).flatten(),
            client_authentication: authentication.map(|said| said.value),
            refresh_token: table.table("refresh_token", required).flatten(),
            write_back: table.boolean("write_back"),
            scope: table.string("scope").map(|scope| scope.value),
            parameters: parameters(table),
            unclear: false,
        };
        said.unclear = table.problems_so_far() > before || table.has_unknown();
        said
    }

    /// What is said here, and for the rest what the preset says.
    pub(super) fn over(self, preset: Self) -> Self {
        let mut parameters = self.parameters;
        for (name, value) in preset.parameters {
            if parameters.iter().all(|(said, _)| *said != name) {
                parameters.push((name, value));
            }
        }
        Self {
            token_url: self.token_url.or(preset.token_url),
            client_id: self.client_id.or(preset.client_id),
            client_secret: self.client_secret.or(preset.client_secret),
            client_authentication: self.client_authentication.or(preset.client_authentication),
            refresh_token: self.refresh_token.or(preset.refresh_token),
            write_back: self.write_back.or(preset.write_back),
            scope: self.scope.or(preset.scope),
            parameters,
            unclear: self.unclear,
        }
    }

    /// With another source of the secret that it rests on: that of the refresh token, or where it
    /// has none, of the client's secret.
    pub(super) fn with(mut self, secret: SecretFrom) -> Self {
        if self.refresh_token.is_none() && self.client_secret.is_some() {
            self.client_secret = Some(secret);
        } else {
            self.refresh_token = Some(secret);
        }
        self
    }
}

fn authentication(text: &str) -> Result<ClientAuthentication, String> {
    match text {
        "basic" => Ok(ClientAuthentication::Basic),
        "body" => Ok(ClientAuthentication::Body),
        _ => Err("is not known".into()),
    }
}

fn parameters(table: &mut Table<'_>) -> Vec<(String, String)> {
    let said = table.named("parameters", Some);
    let read = |(name, value): (At<String>, Value<'_>)| {
        if OURS.contains(&name.value.as_str()) {
            return value.unfit("is the gateway's to set", "further parameters only");
        }
        Some((name.value, value.string("a string")?.value))
    };
    said.into_iter().filter_map(read).collect()
}
