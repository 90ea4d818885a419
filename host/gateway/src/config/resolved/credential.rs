//! Credentials that can be sent: what the host adds to calls, and how it comes by tokens.

use http::HeaderName;
use url::Url;

use crate::config::secret::Secret;

/// What the host adds to a provider's calls, so that the plugin need not know it. Each secret
/// was found to fit its place: none holds a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Nothing.
    None,
    /// `authorization: Bearer SECRET`.
    Bearer(Secret),
    /// A header of its own.
    Header {
        /// The header.
        name: HeaderName,
        /// Its value.
        secret: Secret,
    },
    /// A parameter of the query.
    Query {
        /// The parameter, not yet percent-encoded.
        name: String,
        /// Its value, not yet percent-encoded.
        secret: Secret,
    },
    /// `authorization: Basic …` (RFC 7617).
    Basic {
        /// The user; without a colon.
        username: String,
        /// The password.
        secret: Secret,
    },
    /// `authorization: Bearer TOKEN`, where the host fetches the token and renews it.
    OAuth2(Box<OAuth2>),
}

/// How access tokens are had (RFC 6749): with a refresh token (section 6) where there is one,
/// and else as the client itself (section 4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth2 {
    /// Where they are asked for; http or https, without user or fragment.
    pub token_url: Url,
    /// Whether the host of `token_url` may resolve to an address in a private network.
    pub private_addresses: bool,
    /// Who asks.
    pub client_id: String,
    /// What proves it; a public client has none.
    pub client_secret: Option<Secret>,
    /// Where in the request the proof stands.
    pub client_authentication: ClientAuthentication,
    /// The refresh token to begin with.
    pub refresh_token: Option<Secret>,
    /// A new refresh token replaces the old one in its file.
    pub write_back: bool,
    /// What the tokens are for, in the server's own words.
    pub scope: Option<String>,
    /// Further parameters of the request: `audience`, `resource`…
    pub parameters: Vec<(String, String)>,
}

/// How a client proves to a token server who it is (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// In the header `authorization`: every server has to take it.
    #[default]
    Basic,
    /// As parameters of the body.
    Body,
}

impl Credential {
    /// The parts of it that nobody may see.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let (first, second) = match self {
            Self::None => (None, None),
            Self::Bearer(secret)
            | Self::Header { secret, .. }
            | Self::Query { secret, .. }
            | Self::Basic { secret, .. } => (Some(secret), None),
            Self::OAuth2(oauth2) => (oauth2.refresh_token.as_ref(), oauth2.client_secret.as_ref()),
        };
        first.into_iter().chain(second)
    }
}
