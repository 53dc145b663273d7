//! One appliance and the session with it.

use super::{ClientArguments, login::Kept};
use anyhow::{Context, Result, anyhow, bail};
use protocol::{Problem, uri::percent_encoded};
use serde_json::Value;
use std::{fmt, path::Path, sync::Arc, time::Duration};
use ureq::{
    Agent, Body,
    http::{Request, Response, StatusCode, header},
    tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem},
};

/// The certificates that Debian and most others trust.
const SYSTEM_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// How long the appliance may think; a stream has no end.
const PATIENCE: Duration = Duration::from_secs(60);
/// The largest answer that is read.
const ANSWER_MAX: u64 = 64 << 20;
const COOKIE: &str = "amorce_session";

/// The appliance said no.
#[derive(Debug)]
pub struct Refused(pub Problem);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", super::table::plain(&self.0.title))?;
        if !self.0.remedy.is_empty() {
            write!(f, "\namorce: what to do: {}", super::table::plain(&self.0.remedy))?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

/// An appliance that is spoken to.
pub struct Connection {
    agent: Agent,
    /// `https://NAME[:PORT]`.
    server: String,
    cookie: Option<String>,
}

impl Connection {
    /// The appliance that the arguments or the last login name, with the session that was kept.
    pub fn open(arguments: &ClientArguments) -> Result<Self> {
        let kept = Kept::load()?;
        let (server, kept) = match (&arguments.server, kept) {
            (Some(server), Some(kept)) if address_of(server)? == kept.server => {
                (kept.server.clone(), Some(kept))
            }
            (Some(server), _) => (address_of(server)?, None),
            (None, Some(kept)) => (kept.server.clone(), Some(kept)),
            (None, None) => {
                bail!("no appliance is known; log in first: amorce login --server https://ADDRESS NAME")
            }
        };
        let ca = match &arguments.ca {
            Some(path) => Some(read_certificates(path)?),
            None => kept.as_ref().and_then(|kept| kept.ca.clone()),
        };
        let mut connection = Self::to(server, ca.as_deref())?;
        connection.cookie = kept.map(|kept| kept.cookie);
        Ok(connection)
    }

    /// An appliance to which nobody is logged in yet. `ca`: PEM.
    pub fn to(server: String, ca: Option<&str>) -> Result<Self> {
        let system;
        let pem = match ca {
            Some(pem) => pem,
            None => {
                system = std::fs::read_to_string(SYSTEM_CERTIFICATES).unwrap_or_default();
                &system
            }
        };
        let roots: Vec<Certificate<'static>> = parse_pem(pem.as_bytes())
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if roots.is_empty() {
            bail!("there is no certificate to trust; name the appliance's own: --ca ca.pem");
        }
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(PATIENCE))
            .user_agent(concat!("amorce/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self {
            agent,
            server,
            cookie: None,
        })
    }

    /// Where it is.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Asks for something. `path` begins with `/`, below `/api/v1`; `query`: names and values as they are meant.
    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        answer_of(self.send("GET", path, query, None, &[])?)
    }

    /// Orders something.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        answer_of(self.send("POST", path, &[], Some(body), &[])?)
    }

    /// Orders something that must not be done twice when the answer is lost.
    pub fn post_once(&self, path: &str, body: &Value, key: &str) -> Result<Value> {
        let headers = [("Idempotency-Key", key)];
        let first = self.send("POST", path, &[], Some(body), &headers);
        // The same key brings the same job again: asking once more is safe, and a cut line is common.
        let response = first.or_else(|_| self.send("POST", path, &[], Some(body), &headers))?;
        answer_of(response)
    }

    /// Takes something away.
    pub fn delete(&self, path: &str) -> Result<Value> {
        answer_of(self.send("DELETE", path, &[], None, &[])?)
    }

    /// Logs in; what is to be kept of the session.
    pub fn log_in(&self, name: &str, password: &str) -> Result<String> {
        let body = serde_json::json!({ "name": name, "password": password });
        let response = self.send("POST", "/sessions", &[], Some(&body), &[])?;
        let cookie = response
            .headers()
            .get_all(header::SET_COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok()?.split(';').next()?.split_once('='))
            .find(|(name, _)| *name == COOKIE)
            .map(|(_, value)| value.to_owned());
        answer_of(response)?;
        cookie.context("the appliance logged nobody in; is this an Amorce appliance of another version?")
    }

    /// Opens the stream of events, from the one with that number on.
    pub fn events(&self, after: Option<u64>) -> Result<Body> {
        let number = after.map(|number| number.to_string());
        let header: Vec<_> = number
            .as_deref()
            .map(|number| ("Last-Event-ID", number))
            .into_iter()
            .collect();
        let response = self.send("GET", "/events", &[], None, &header)?;
        if response.status() == StatusCode::OK {
            return Ok(response.into_body());
        }
        answer_of(response)?;
        bail!("the appliance sends no events")
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Result<Response<Body>> {
        let mut uri = format!("{}/api/v1{path}", self.server);
        for (index, (name, value)) in query.iter().enumerate() {
            uri.push(if index == 0 { '?' } else { '&' });
            uri.push_str(name);
            uri.push('=');
            uri.push_str(&percent_encoded(value));
        }
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header(header::ORIGIN, &self.server);
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, format!("{COOKIE}={cookie}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = match body {
            Some(body) => {
                let request = request
                    .header(header::CONTENT_TYPE, "application/json")
                    .body(serde_json::to_vec(body)?)
                    .context("this cannot be asked for")?;
                self.agent.run(request)
            }
            None => self
                .agent
                .run(request.body(()).context("this cannot be asked for")?),
        };
        sent.map_err(|error| unreachable(&self.server, &error))
    }
}

fn unreachable(server: &str, error: &ureq::Error) -> anyhow::Error {
    let text = error.to_string();
    let remedy = if text.contains("UnknownIssuer") || text.contains("BadSignature") {
        "its certificate is not trusted here: copy `tls/ca.pem` from its data folder and name it with --ca"
    } else if text.contains("NotValidForName") {
        "its certificate is for another name: use the address that `amorce serve` printed"
    } else {
        "is `amorce serve` running there, and does a firewall let port 443 through?"
    };
    anyhow!("{server} cannot be reached ({text}); {remedy}")
}

fn answer_of(mut response: Response<Body>) -> Result<Value> {
    let status = response.status();
    let body = response
        .body_mut()
        .with_config()
        .limit(ANSWER_MAX)
        .read_to_vec()
        .context("the appliance's answer broke off; try again")?;
    if status.is_success() {
        if body.is_empty() {
            return Ok(Value::Null);
        }
        return serde_json::from_slice(&body).context("the answer is not JSON; is this an Amorce appliance?");
    }
    let mut problem: Problem = serde_json::from_slice(&body)
        .unwrap_or_else(|_| Problem::new("", format!("it answered {status}"), ""));
    if problem.code == "not-logged-in" {
        problem.remedy = "log in again: amorce login NAME".to_owned();
    }
    Err(Refused(problem).into())
}

/// `https://NAME[:PORT]` of whatever somebody types: a bare name, a name with a port, the page's whole address.
pub fn address_of(text: &str) -> Result<String> {
    let rest = match text.split_once("://") {
        Some(("https", rest)) => rest,
        Some(_) => bail!("{text} is not an https address"),
        None => text,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_odd = |c: char| !(c.is_ascii_alphanumeric() || ".-:[]".contains(c));
    if authority.is_empty() || authority.contains(is_odd) {
        bail!("{text} is not an address; write https://NAME or https://NAME:PORT");
    }
    // What a browser leaves out, the appliance's check of origins expects to be left out.
    let authority = authority.strip_suffix(":443").unwrap_or(authority);
    Ok(format!("https://{}", authority.to_ascii_lowercase()))
}

/// A file of certificates, checked for being one.
pub fn read_certificates(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        bail!("{} holds no certificate in PEM form", path.display());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_typed_as_people_type_it() {
        for (typed, meant) in [
            ("amorce.example", "https://amorce.example"),
            ("10.0.0.1:8444", "https://10.0.0.1:8444"),
            ("https://Amorce.Example:443/masters#x", "https://amorce.example"),
            ("https://[fd00::1]:8444/", "https://[fd00::1]:8444"),
        ] {
            assert_eq!(address_of(typed).unwrap(), meant);
        }
        for wrong in [
            "http://amorce.example",
            "",
            "https://",
            "user@host",
            "a b",
            "ftp://x",
        ] {
            assert!(address_of(wrong).is_err(), "{wrong}");
        }
    }
}
