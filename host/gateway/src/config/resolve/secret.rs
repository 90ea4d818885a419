//! Credentials and headers: secrets read from where they are said to be, and found to fit.

use http::{HeaderName, HeaderValue};

use super::Resolver;
use crate::config::credential::{Credential as SaidCredential, SecretFrom};
use crate::config::problem::{At, Place};
use crate::config::resolved::Credential;
use crate::config::said::HeaderFrom;
use crate::config::secret::{Secret, SecretSource};

impl Resolver<'_> {
    /// `private_addresses`: whether names may lead into a private network.
    pub(super) fn credential(
        &mut self,
        table: &str,
        said: At<SaidCredential>,
        private_addresses: bool,
    ) -> Option<Credential> {
        let At { value: said, place } = said;
        let said = match said {
            SaidCredential::OAuth2(oauth2) => {
                let oauth2 = self.oauth2(table, *oauth2, &place, private_addresses)?;
                return Some(Credential::OAuth2(Box::new(oauth2)));
            }
            said => said,
        };
        let Some(from) = said.secret() else { return Some(Credential::None) };
        let secret = self.secret(table, from, &place)?;
        Some(match said {
            SaidCredential::None | SaidCredential::OAuth2(_) => Credential::None,
            SaidCredential::Short(_) | SaidCredential::Bearer(_) => Credential::Bearer(secret),
            SaidCredential::Header { name, .. } => Credential::Header { name, secret },
            SaidCredential::Query { name, .. } => Credential::Query { name, secret },
            SaidCredential::Basic { username, .. } => {
                if username.contains(':') {
                    self.report(
                        &place,
                        format!("[{table}] `username` holds a colon, which basic has no form for"),
                    );
                }
                Credential::Basic { username, secret }
            }
        })
    }

    /// A secret that fits into a header. `place` is where the credential was said.
    pub(super) fn secret(
        &mut self,
        table: &str,
        from: &SecretFrom,
        place: &Place,
    ) -> Option<Secret> {
        let secret = self.secret_of(table, from)?;
        if secret.expose().chars().any(char::is_control) {
            let text = format!(
                "[{table}] the secret from {} holds a line break or another control character",
                secret.source()
            );
            self.report(place, text);
            return None;
        }
        Some(secret)
    }

    pub(super) fn secret_of(&mut self, table: &str, from: &SecretFrom) -> Option<Secret> {
        match from {
            SecretFrom::Env(At { value: name, place }) => {
                if let Some(text) = self.environment.get(name) {
                    return Some(Secret::new(text.to_owned(), SecretSource::Env(name.clone())));
                }
                let text = format!(
                    "[{table}] environment variable {name} is not set, or empty; set it, \
                     or name another source"
                );
                self.report(place, text);
            }
            SecretFrom::File(At { value: said, place }) => {
                let path = self.path(said);
                let wrong = match std::fs::read_to_string(&path).map(without_newline) {
                    Err(error) => format!("cannot be read: {error}"),
                    Ok(secret) if secret.is_empty() => "is empty".to_owned(),
                    Ok(secret) => {
                        self.sources.push(path.clone());
                        return Some(Secret::new(secret, SecretSource::File(path)));
                    }
                };
                let path = path.display();
                self.report(place, format!("[{table}] the secret's file {path} {wrong}"));
            }
        }
        None
    }

    /// A header whose variable is not set is left out: it is optional by being said that way.
    pub(super) fn header(
        &mut self,
        table: &str,
        (name, from): (HeaderName, HeaderFrom),
    ) -> Option<(HeaderName, HeaderValue)> {
        let variable = match from {
            HeaderFrom::Text(value) => return Some((name, value)),
            HeaderFrom::Env(variable) => variable,
        };
        let text = self.environment.get(&variable.value)?;
        match HeaderValue::from_str(text) {
            Ok(mut value) => {
                value.set_sensitive(true);
                Some((name, value))
            }
            Err(_) => {
                let text = format!(
                    "[{table}] environment variable {} holds what the header `{name}` cannot carry",
                    variable.value
                );
                self.report(&variable.place, text);
                None
            }
        }
    }
}

/// Editors and `echo` end a file with a newline that is no part of the secret.
fn without_newline(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}
