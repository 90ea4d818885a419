//! `oauth2 = { … }`: everything that is needed to fetch a token is there, and its address is one
//! to which secrets may be sent.

use url::Url;

use super::Resolver;
use super::provider::names_an_address;
use crate::config::credential::OAuth2 as Said;
use crate::config::problem::{At, Place};
use crate::config::resolved::OAuth2;
use crate::config::secret::SecretSource;

impl Resolver<'_> {
    /// `None` only beside a problem. `place` is where the credential was said.
    pub(super) fn oauth2(
        &mut self,
        table: &str,
        said: Said,
        place: &Place,
        private_addresses: bool,
    ) -> Option<OAuth2> {
        self.missing_of_oauth2(table, &said, place);
        let token_url =
            said.token_url.and_then(|url| self.token_url(table, &url, private_addresses));
        let proof = said.client_secret.map(|from| self.secret(table, &from, place));
        let refresh_token = said.refresh_token.map(|from| self.secret(table, &from, place));
        let write_back = said.write_back.unwrap_or(false);
        let from_file = |secret: &Option<crate::config::Secret>| match secret {
            Some(secret) => matches!(secret.source(), SecretSource::File(_)),
            None => true, // It could not be read, which was reported already.
        };
        if write_back && !refresh_token.as_ref().is_some_and(from_file) {
            let text = format!(
                "[{table}] `write_back` has nothing to write to; \
                 expected a refresh token from a file: refresh_token = {{ file = \"PATH\" }}"
            );
            self.report(place, text);
        }
        Some(OAuth2 {
            token_url: token_url?,
            private_addresses,
            client_id: said.client_id?,
            client_secret: match proof {
                Some(secret) => Some(secret?),
                None => None,
            },
            client_authentication: said.client_authentication.unwrap_or_default(),
            refresh_token: match refresh_token {
                Some(secret) => Some(secret?),
                None => None,
            },
            write_back,
            scope: said.scope,
            parameters: said.parameters,
        })
    }

    fn missing_of_oauth2(&mut self, table: &str, said: &Said, place: &Place) {
        if said.unclear {
            return;
        }
        for (there, key, expected) in [
            (
                said.token_url.is_some(),
                "`token_url`",
                "the address where tokens are had, such as \"https://auth.example/oauth/token\"",
            ),
            (said.client_id.is_some(), "`client_id`", "the client's name at the token server"),
            (
                said.refresh_token.is_some() || said.client_secret.is_some(),
                "`refresh_token` and no `client_secret`",
                "either, such as refresh_token = { env = \"NAME\" }",
            ),
        ] {
            if !there {
                self.report(place, format!("[{table}] `oauth2` has no {key}; expected {expected}"));
            }
        }
    }

    /// The text is not repeated in a problem: there may be a password in it.
    fn token_url(
        &mut self,
        table: &str,
        said: &At<String>,
        private_addresses: bool,
    ) -> Option<Url> {
        let wrong = match Url::parse(&said.value) {
            Err(error) => format!("is not an address ({error})"),
            Ok(url) if !matches!(url.scheme(), "http" | "https") => {
                format!("has the scheme `{}`", url.scheme())
            }
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                "holds a user or a password, which belong into `client_id` and `client_secret`"
                    .into()
            }
            Ok(url) if url.fragment().is_some() => "has a fragment".into(),
            // RFC 6749, section 3.2, wants TLS; on the way to a name in the internet anybody
            // could read the secrets.
            Ok(url) if url.scheme() == "http" && !private_addresses && !names_an_address(&url) => {
                "would send secrets without TLS".into()
            }
            Ok(url) => return Some(url),
        };
        let text = format!(
            "[{table}] `token_url` {wrong}; expected such as \"https://auth.example/oauth/token\""
        );
        self.report(&said.place, text);
        None
    }
}
