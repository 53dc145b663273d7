//! Whoever uses the web page: the admin API under `/api/v1`, over HTTPS that is checked against the appliance's own CA.
//!
//! Requests are made by curl: a client that nobody on this project wrote.

use crate::{
    network::{Network, SERVER},
    process::{finish, wait_until},
};
use anyhow::{Context, Result, bail, ensure};
use protocol::MacAddr;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// A logged-in administrator.
pub struct Administrator {
    namespace: PathBuf,
    ca: PathBuf,
    cookies: PathBuf,
}

/// What the appliance answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Media type.
    pub media_type: String,
    /// Body; JSON where it is JSON, a string otherwise.
    pub body: Value,
}

/// The administrator's name and password in every scenario.
pub const NAME: &str = "lab";
/// See [`NAME`].
pub const PASSWORD: &str = "correct horse battery staple";

impl Administrator {
    /// Somebody at the appliance's own keyboard; cookies are kept in `folder`.
    ///
    /// # Errors
    /// No folder is given.
    pub fn new(network: &Network, ca: &Path, folder: Option<&Path>) -> Result<Self> {
        let folder = folder.context("the cookies need a folder")?;
        Ok(Self {
            namespace: network.server_path(),
            ca: ca.to_owned(),
            cookies: folder.join("cookies.txt"),
        })
    }

    /// Makes the first administrator with the one-time code, and logs in.
    ///
    /// # Errors
    /// The appliance refuses.
    pub fn set_up(&self, code: &str) -> Result<()> {
        self.post(
            "/setup",
            &json!({ "code": code, "name": NAME, "password": PASSWORD }),
        )?
        .expect_success()?;
        self.log_in()
    }

    /// Logs in as the administrator whom somebody has made under [`NAME`].
    ///
    /// # Errors
    /// The appliance refuses.
    pub fn log_in(&self) -> Result<()> {
        self.post("/sessions", &json!({ "name": NAME, "password": PASSWORD }))?
            .expect_success()?;
        Ok(())
    }

    /// Asks for something.
    ///
    /// # Errors
    /// The appliance cannot be reached. An answer that is a refusal is no error here.
    pub fn get(&self, path: &str) -> Result<Answer> {
        self.call("GET", path, None)
    }

    /// Asks for something that must be there.
    ///
    /// # Errors
    /// The appliance cannot be reached or refuses.
    pub fn show(&self, path: &str) -> Result<Value> {
        self.get(path)?.expect_success()
    }

    /// Creates something or orders something done.
    ///
    /// # Errors
    /// The appliance cannot be reached.
    pub fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.call("POST", path, Some(body))
    }

    /// Replaces something.
    ///
    /// # Errors
    /// The appliance cannot be reached.
    pub fn put(&self, path: &str, body: &Value) -> Result<Answer> {
        self.call("PUT", path, Some(body))
    }

    /// Changes something in part.
    ///
    /// # Errors
    /// The appliance cannot be reached.
    pub fn patch(&self, path: &str, body: &Value) -> Result<Answer> {
        self.call("PATCH", path, Some(body))
    }

    /// The record of the machine with that adapter, if there is one.
    ///
    /// # Errors
    /// The appliance cannot be reached or refuses.
    pub fn find_machine(&self, mac: MacAddr) -> Result<Option<Value>> {
        let page = self.show("/machines?limit=100")?;
        let items = page["items"]
            .as_array()
            .context("the list of machines has no items")?;
        let mac = mac.to_string();
        let has = |machine: &&Value| {
            machine["macs"]
                .as_array()
                .is_some_and(|macs| macs.iter().any(|one| one.as_str() == Some(&mac)))
        };
        Ok(items.iter().find(has).cloned())
    }

    /// The same, which must be there; returns its id.
    ///
    /// # Errors
    /// There is none.
    pub fn machine_id(&self, mac: MacAddr) -> Result<String> {
        let machine = self
            .find_machine(mac)?
            .with_context(|| format!("no machine with {mac} is on record"))?;
        Ok(machine["id"].as_str().context("a machine without id")?.to_owned())
    }

    /// Creates a job for one machine and returns its id.
    ///
    /// # Errors
    /// The appliance refuses.
    pub fn create_job(&self, machine: &str, steps: &Value) -> Result<String> {
        let answer = self.post("/jobs", &json!({ "machines": [machine], "steps": steps }))?;
        ensure!(answer.status == 201, "creating a job: {answer:?}");
        let id = ["/job/id", "/id"]
            .iter()
            .find_map(|place| answer.body.pointer(place)?.as_str());
        Ok(id
            .with_context(|| format!("the created job has no id: {}", answer.body))?
            .to_owned())
    }

    /// The job's row for its only machine.
    ///
    /// # Errors
    /// The appliance refuses.
    pub fn job_row(&self, job: &str) -> Result<Value> {
        let detail = self.show(&format!("/jobs/{job}"))?;
        detail
            .pointer("/machines/0")
            .cloned()
            .with_context(|| format!("the job has no machine: {detail}"))
    }

    /// Waits until `condition` holds for the job's row, and returns the row. `what` completes "until the job …".
    ///
    /// # Errors
    /// Not within `limit`; or the job ends in another way first.
    pub fn wait_for_job(
        &self,
        job: &str,
        what: &str,
        limit: Duration,
        mut condition: impl FnMut(&Value) -> bool,
    ) -> Result<Value> {
        wait_until(&format!("the job {what}"), limit, || {
            let row = self.job_row(job)?;
            if condition(&row) {
                return Ok(Some(row));
            }
            let state = row["state"].as_str().unwrap_or_default();
            if ["done", "failed", "cancelled"].contains(&state) {
                bail!("the job is {state}: {row}");
            }
            Ok(None)
        })
    }

    /// Waits until the job is done and returns its row.
    ///
    /// # Errors
    /// It fails, is cancelled or takes longer than `limit`.
    pub fn wait_done(&self, job: &str, limit: Duration) -> Result<Value> {
        self.wait_for_job(job, "is done", limit, |row| row["state"] == "done")
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer> {
        let mut curl = Command::new("nsenter");
        let mut net = std::ffi::OsString::from("--net=");
        net.push(&self.namespace);
        curl.arg(net).arg("curl").arg("--cacert").arg(&self.ca);
        curl.arg("--cookie")
            .arg(&self.cookies)
            .arg("--cookie-jar")
            .arg(&self.cookies);
        if let Some(body) = body {
            curl.args([
                "--header",
                "Content-Type: application/json",
                "--data",
                &body.to_string(),
            ]);
        }
        curl.arg("--header").arg(format!("Origin: https://{SERVER}"));
        request(&mut curl, method, &format!("https://{SERVER}/api/v1{path}"))
    }
}

impl Answer {
    /// The body of an answer that is a success.
    ///
    /// # Errors
    /// It is none; the message is the problem document.
    pub fn expect_success(self) -> Result<Value> {
        ensure!(
            (200..300).contains(&self.status),
            "the appliance answered {}: {}",
            self.status,
            self.body
        );
        Ok(self.body)
    }

    /// Checks that it is a refusal with one of these statuses and a problem document.
    ///
    /// # Errors
    /// It is something else.
    pub fn expect_refusal(&self, statuses: &[u16]) -> Result<&str> {
        ensure!(
            statuses.contains(&self.status),
            "expected {statuses:?}, got {self:?}"
        );
        ensure!(
            self.media_type.starts_with("application/problem+json"),
            "a refusal without problem document: {self:?}"
        );
        self.body["code"]
            .as_str()
            .with_context(|| format!("a problem without a code: {self:?}"))
    }
}

/// Runs a prepared curl command and takes its answer apart.
///
/// # Errors
/// No HTTP answer came.
pub fn request(curl: &mut Command, method: &str, url: &str) -> Result<Answer> {
    const MARK: &str = "\n#answer ";
    curl.args([
        "--silent",
        "--show-error",
        "--max-time",
        "40",
        "--request",
        method,
    ]);
    curl.args([
        "--write-out",
        &format!("{MARK}%{{http_code}} %{{content_type}}"),
        url,
    ]);
    let output = finish(curl)?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{method} {url}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let (body, tail) = text.rsplit_once(MARK).context("curl told no status")?;
    let (status, media_type) = tail.split_once(' ').unwrap_or((tail, ""));
    Ok(Answer {
        status: status.trim().parse().context("curl told no status")?,
        media_type: media_type.trim().to_owned(),
        body: serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned())),
    })
}
