//! What is said to a token server, and what it says: RFC 6749, sections 2.3.1, 4.4, 5 and 6.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::config::{ClientAuthentication, Credential, OAuth2, Secret};

/// The longest that a token is believed to last. More is a mistake, and some clocks overflow.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// What a token server issued.
pub(super) struct Issued {
    pub(super) access_token: String,
    pub(super) lasts: Option<Duration>,
    /// The next refresh token, where the server rotates them.
    pub(super) refresh_token: Option<String>,
}

/// The header by which the client proves who it is, where it does so in a header. Both halves
/// are encoded as in a form before they are put together.
pub(super) fn header(oauth2: &OAuth2) -> Credential {
    match &oauth2.client_secret {
        Some(secret) if oauth2.client_authentication == ClientAuthentication::Basic => {
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            Credential::Basic {
                username: encoded(&oauth2.client_id),
                secret: Secret::new(encoded(secret.expose()), secret.source().clone()),
            }
        }
        _ => Credential::None,
    }
}

/// The form that asks for a token.
pub(super) fn form(oauth2: &OAuth2, refresh_token: Option<&Secret>) -> Bytes {
    let mut form = Serializer::new(String::new());
    match refresh_token {
        Some(token) => {
            form.append_pair("grant_type", "refresh_token");
            form.append_pair("refresh_token", token.expose());
        }
        None => {
            form.append_pair("grant_type", "client_credentials");
        }
    }
    let in_header = oauth2.client_secret.is_some()
        && oauth2.client_authentication == ClientAuthentication::Basic;
    if !in_header {
        form.append_pair("client_id", &oauth2.client_id);
        if let Some(secret) = &oauth2.client_secret {
            form.append_pair("client_secret", secret.expose());
        }
    }
    if let Some(scope) = &oauth2.scope {
        form.append_pair("scope", scope);
    }
    form.extend_pairs(&oauth2.parameters);
    form.finish().into()
}

/// Reads the answer of a token server.
///
/// # Errors
///
/// Why there is no token in it. Of an answer that holds one, or should, nothing is repeated.
pub(super) fn read(status: StatusCode, body: &[u8]) -> Result<Issued, String> {
    if !status.is_success() {
        return Err(format!("it answered {}{}", status.as_u16(), refusal(body)));
    }
    let Ok(said) = serde_json::from_slice::<Success>(body) else {
        return Err(format!("it answered {}, but no token in JSON", status.as_u16()));
    };
    if !said.token_type.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err("it issues tokens of another type than Bearer".to_owned());
    }
    let refresh_token = said.refresh_token.filter(|token| !token.is_empty());
    let lasts = seconds(&said.expires_in).map(|lasts| lasts.min(LONGEST));
    Ok(Issued { access_token: said.access_token, lasts, refresh_token })
}

#[derive(Deserialize)]
struct Success {
    access_token: String,
    token_type: Option<String>,
    /// A number; a few servers write it as a string.
    #[serde(default)]
    expires_in: Value,
    refresh_token: Option<String>,
}

fn seconds(said: &Value) -> Option<Duration> {
    let seconds = match said {
        Value::String(text) => text.trim().parse().ok()?,
        said => said.as_f64()?,
    };
    // What is too long for a duration lasts.
    (seconds >= 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST))
}

#[derive(Deserialize)]
struct Refused {
    error: String,
    error_description: Option<String>,
}

/// ": invalid_grant (the token has expired)", or nothing where the server does not say.
fn refusal(body: &[u8]) -> String {
    let Ok(refused) = serde_json::from_slice::<Refused>(body) else { return String::new() };
    match refused.error_description.filter(|description| !description.is_empty()) {
        Some(description) => format!(": {} ({description})", refused.error),
        None => format!(": {}", refused.error),
    }
}

#[cfg(test)]
mod tests;
