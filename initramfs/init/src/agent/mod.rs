//! The agent: recognised by the appliance, it runs the steps of jobs until it is sent away.
//!
//! ```text
//! devices settle, network up ──> hello (once) ──> task ──> run step ──> report ──┐
//!                                 │                 ^                            │
//!                                 └ session kept    └────────────────────────────┘
//! ```
//!
//! If it dies it is started again, finds its session under `/run/amorce`, sends a report that was not answered, and asks
//! for its task.

mod attention;
mod evidence;
mod figures;
mod outage;
mod session;
mod settle;
mod step;
mod watch;
mod writing;

use crate::{
    disk, machine, module, network, process,
    screen::{self, fill, words},
};
use attention::Attention;
use depot::client::{CallError, Connection, Retry};
use protocol::{
    MacAddr, Problem,
    agent::{Assignment, EntryPassword, Outcome, ReportReply, StepReport, Task},
    cmdline::AgentCommandLine,
    job::Step,
    machine::MachineFacts,
    menu::Keyboard,
};
use session::Session;
use std::{
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// So long may devices take to settle before we go on without those that have not.
const SETTLE_PATIENCE: Duration = Duration::from_secs(12);
/// A machine without any disk gets this much longer: some controllers are slow.
const DISK_PATIENCE: Duration = Duration::from_secs(6);
/// How often trouble is told again.
const TELL_AGAIN: Duration = Duration::from_secs(60);
/// Until an address is there: switches learn their spanning tree for up to 50 s.
const NETWORK_PATIENCE: Duration = Duration::from_secs(60);
/// A missing cable or driver is told sooner.
const CABLE_PATIENCE: Duration = Duration::from_secs(8);
/// Seconds that the appliance may hold a question for a task.
const TASK_WAIT_SECONDS: u32 = 25;
/// A machine that asks for a password, and nobody types: its own disk after this.
const PASSWORD_PATIENCE: Duration = Duration::from_secs(180);
/// Before the same question is asked again after an answer that we do not follow.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// So long may the appliance take to hear that somebody leaves.
const BEFORE_LEAVING: Duration = Duration::from_secs(3);
const BEFORE_RESTART: Duration = Duration::from_secs(15);
/// A report that can go at once goes before anybody leaves.
const REPORT_PATIENCE: Duration = Duration::from_secs(2);
/// How often we knock while the appliance still hears the agent of the machine's last start.
const KNOCK_AGAIN: Duration = Duration::from_secs(3);

/// Runs as the agent. Ends only with the machine's session; if it cannot work, the process ends and is started again.
pub fn run() -> ! {
    screen::install_panic_hook("agent");
    let attention = Attention::listen();
    let command_line = std::fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let command_line = match AgentCommandLine::parse(&command_line) {
        Ok(command_line) => command_line,
        Err(error) => stay_with(&attention, &error.to_string()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => stay_with(
            &attention,
            &format!("cannot start working: {error}; restart the machine"),
        ),
    };
    let agent = Agent {
        connection: Connection::new(command_line.agent, command_line.ca),
        command_line,
        runtime,
        attention,
        may_leave: Arc::new(AtomicBool::new(true)),
    };
    agent.work()
}

/// Trouble that only a person can end: says it, and does what the keys say.
fn stay_with(attention: &Attention, trouble: &str) -> ! {
    loop {
        screen::say(trouble);
        screen::say(words().keys);
        attention.wait_for_retry(TELL_AGAIN);
        if attention.wants_local_boot() {
            leave_for_disk(words());
        }
    }
}

struct Agent {
    connection: Connection,
    command_line: AgentCommandLine,
    runtime: Runtime,
    attention: Attention,
    /// No disk is half-written: whoever stands there may leave for the machine's own.
    may_leave: Arc<AtomicBool>,
}

impl Agent {
    fn work(&self) -> ! {
        let smbios = machine::smbios();
        let network = network::Network::attend(self.command_line.mac, smbios.uuid);
        wait_for_devices();
        match network {
            Ok(network) => self.wait_for_network(&network),
            Err(error) => stay_with(
                &self.attention,
                &format!("cannot attend the network: {error}; restart the machine"),
            ),
        }
        // Without this the cryptographic library would say on the screen, in its own words, that it waits.
        process::await_randomness();
        screen::say(&fill(words().calling, &[&self.command_line.agent.to_string()]));
        let _watcher = outage::watch(self.connection.clone(), self.may_leave.clone());
        let (session, facts) = self.begin_session();
        self.send_kept_report(&session);
        self.serve(session, &facts)
    }

    /// Waits for an address for as long as it takes, telling what lacks.
    fn wait_for_network(&self, network: &network::Network) {
        let words = words();
        let started = Instant::now();
        let mut told: Option<(network::Trouble, Instant)> = None;
        loop {
            let trouble = match network.wait(Duration::from_millis(500)) {
                Ok(()) => break,
                Err(trouble) => trouble,
            };
            let patience = match trouble {
                network::Trouble::NoAddress => NETWORK_PATIENCE,
                _ => CABLE_PATIENCE,
            };
            let again = told
                .as_ref()
                .is_none_or(|(last, at)| *last != trouble || at.elapsed() > TELL_AGAIN);
            if (started.elapsed() > patience && again) || self.attention.wants_retry() {
                let text = match &trouble {
                    network::Trouble::NoAdapter => words.no_adapter.to_owned(),
                    network::Trouble::NoCarrier => words.no_carrier.to_owned(),
                    network::Trouble::NoAddress => words.no_address.to_owned(),
                    network::Trouble::Failed(why) => fill(words.adapter_failed, &[why]),
                };
                for file in module::missing_firmware(&machine::kernel_log()) {
                    screen::say(&format!(
                        "missing firmware file {file}: put it into boot/firmware/ of the appliance"
                    ));
                }
                screen::say(&text);
                screen::say(words.keys);
                told = Some((trouble, Instant::now()));
            }
            if self.attention.wants_local_boot() {
                leave_for_disk(words);
            }
        }
        if told.is_some() {
            screen::say(words.network_up);
        }
    }

    /// Takes up the session that an agent before us kept, or begins one.
    fn begin_session(&self) -> (Session, MachineFacts) {
        let facts = machine::look(self.command_line.mac);
        let session = match Session::kept() {
            Some(session) => session,
            None => self.hello(&facts),
        };
        if let Err(error) = self.connection.set_key(&session.key) {
            stay_with(&self.attention, &error.to_string());
        }
        let mac = self.mac(&facts);
        screen::say(&format!("amorce: ready (MAC {mac})"));
        (session, facts)
    }

    fn hello(&self, facts: &MachineFacts) -> Session {
        let words = words();
        let mut told = false;
        loop {
            let hello = session::hello(&self.command_line, facts);
            let call = self
                .connection
                .post_json("/agent/v1/hello", &hello, Retry::UntilSent);
            let error = match self.runtime.block_on(self.attention.unless_local_boot(call)) {
                None => leave_for_disk(words),
                Some(Ok(reply)) => return Session::begin(reply, facts),
                Some(Err(error)) => error,
            };
            if is_at_work(&error) {
                if !std::mem::replace(&mut told, true) {
                    screen::say(&fill(words.waiting, &[&error.to_string()]));
                }
                self.attention.wait_for_retry(KNOCK_AGAIN);
                continue;
            }
            match error.status() {
                // The token is used up or forgotten: the next boot brings another.
                Some(401 | 403 | 409) => self.end_session(words, &error),
                _ => {
                    screen::say(&fill(words.no_answer, &[&error.to_string()]));
                    screen::say(words.keys);
                    self.attention.wait_for_retry(ASK_AGAIN);
                }
            }
        }
    }

    /// A report that the agent before us could not bring home goes first: nothing is done twice for want of it.
    fn send_kept_report(&self, session: &Session) {
        if let Some(report) = Session::kept_report() {
            screen::log("sending the report that was not answered");
            self.send_report(session, &report);
        }
    }

    /// Asks for tasks and does them, for ever.
    fn serve(&self, mut session: Session, facts: &MachineFacts) -> ! {
        let mut told = String::new();
        loop {
            let words = words();
            if self.attention.wants_local_boot() {
                self.leave();
            }
            if self.attention.wants_retry() {
                told.clear();
                // The appliance knows what was there at the greeting; the next one comes after a restart.
                let found = disk::list_disks(protocol::machine::Firmware::Bios);
                if !disk::are_same(&facts.disks, &found) {
                    screen::say(words.disks_changed);
                    restart(words);
                }
            }
            let path = format!("/agent/v1/task?wait_seconds={TASK_WAIT_SECONDS}");
            let call = self.connection.get_json::<Task>(&path);
            let task = match self.runtime.block_on(self.attention.unless_pressed(call)) {
                None => continue,
                Some(Ok(task)) => task,
                Some(Err(error)) if matches!(error.status(), Some(401 | 403 | 409)) => {
                    self.end_session(words, &error)
                }
                Some(Err(error)) => {
                    screen::say(&fill(words.no_answer, &[&error.to_string()]));
                    self.attention.wait_for_retry(ASK_AGAIN);
                    continue;
                }
            };
            let mut tell = |text: String| {
                if told != text {
                    screen::say(&text);
                    told = text;
                }
            };
            match task {
                Task::Wait { why } => {
                    tell(match why.code.as_str() {
                        "nothing-bootable" => words.nothing_bootable.to_owned(),
                        _ => fill(words.waiting, &[&why.to_string()]),
                    });
                    if !facts.disks.iter().any(protocol::disk::DiskFacts::is_candidate) {
                        self.attention.wait_for_retry(Duration::from_millis(200));
                    }
                }
                Task::AskPassword { label, keyboard } => {
                    told.clear();
                    self.ask_password(&label, keyboard);
                }
                Task::LocalBoot if self.attention.was_pressed() => {
                    tell(words.held_by_key.to_owned());
                    self.attention.wait_for_retry(ASK_AGAIN);
                }
                Task::LocalBoot if !facts.disks.iter().any(|disk| disk.bootable) => {
                    tell(words.nothing_bootable.to_owned());
                    self.attention.wait_for_retry(ASK_AGAIN);
                }
                Task::LocalBoot => {
                    screen::say(words.leaving);
                    process::restart();
                }
                Task::Reboot => restart(words),
                Task::PowerOff => power_off(words),
                Task::Run(assignment) => {
                    told.clear();
                    session = self.run(session, &assignment);
                }
            }
        }
    }

    /// Asks for the password of the menu's entry and lets the appliance judge it. Esc, or nobody there: the machine's own
    /// disk.
    fn ask_password(&self, label: &str, keyboard: Keyboard) {
        let words = words();
        screen::say(&fill(words.password_wanted, &[label]));
        let Some(password) = self.attention.read_line(keyboard, PASSWORD_PATIENCE) else {
            self.leave()
        };
        let body = EntryPassword { password };
        let call = self
            .connection
            .post_json::<_, ()>("/agent/v1/entry/password", &body, Retry::UntilSent);
        match self.runtime.block_on(call) {
            Ok(()) => {}
            // Whatever it is, the appliance says at the next question whether the password is still wanted.
            Err(error) => {
                screen::say(&error.to_string());
                self.attention.wait_for_retry(Duration::from_secs(1));
            }
        }
    }

    /// Runs a step and brings its report home.
    fn run(&self, session: Session, assignment: &Assignment) -> Session {
        let words = words();
        let name = step::name(&assignment.step);
        let begins = if assignment.resumed {
            words.step_resumes
        } else {
            words.step_begins
        };
        // A job of one step usually bears the step's name.
        let what = if assignment.title == name {
            ""
        } else {
            name.as_str()
        };
        screen::say(fill(begins, &[&assignment.title, what]).trim_end_matches([' ', ':']));
        let outcome = match &assignment.step {
            Step::Wake | Step::Reboot | Step::PowerOff => Outcome::Done {
                result: protocol::job::StepResult::default(),
            },
            _ => step::run(self, &session, assignment),
        };
        match &outcome {
            Outcome::Done { result } => {
                let figures = figures::result(result, words);
                screen::say(&fill(words.step_done, &[&name, &figures]));
                for note in &result.notes {
                    screen::say(&format!("  {note}"));
                }
            }
            Outcome::NeedsPerson { problem } => {
                screen::say(&fill(words.step_needs_person, &[&name, &problem.to_string()]));
            }
            Outcome::Failed { problem, .. } => {
                screen::say(&fill(words.step_failed, &[&name, &problem.to_string()]));
            }
        }
        let report = StepReport {
            job: assignment.job,
            step_index: assignment.step_index,
            outcome,
        };
        Session::keep_report(&report);
        let session = self.send_report(&session, &report);
        match (&assignment.step, &report.outcome) {
            (Step::Reboot, Outcome::Done { .. }) => restart(words),
            (Step::PowerOff, Outcome::Done { .. }) => power_off(words),
            _ => session,
        }
    }

    /// Sends a report until it is answered. A refusal ends it too: the appliance knows better what became of the job.
    fn send_report(&self, session: &Session, report: &StepReport) -> Session {
        let session = loop {
            let call = self.connection.post_json::<_, Option<ReportReply>>(
                "/agent/v1/report",
                report,
                Retry::UntilAnswered,
            );
            let asked = Instant::now();
            let sent = self.runtime.block_on(Attention::unless(call, || {
                asked.elapsed() > REPORT_PATIENCE && self.wants_to_leave()
            }));
            // The disk tells at the next start what became of the step.
            let Some(sent) = sent else { leave_for_disk(words()) };
            match sent {
                Ok(reply) => break session.followed_by(reply.and_then(|reply| reply.session_key)),
                Err(error) => {
                    screen::say(&fill(words().no_answer, &[&error.to_string()]));
                    if is_answer(&error) {
                        break session.clone();
                    }
                    screen::say(words().keys);
                    self.attention.wait_for_retry(ASK_AGAIN);
                    if self.attention.wants_local_boot() {
                        leave_for_disk(words());
                    }
                }
            }
        };
        Session::forget_report();
        if let Err(error) = self.connection.set_key(&session.key) {
            screen::say(&error.to_string());
        }
        session
    }

    /// The appliance does not answer, and somebody has asked for the machine's own disk.
    fn wants_to_leave(&self) -> bool {
        self.attention.wants_local_boot() && self.connection.outage().is_some()
    }

    /// Leaves for the machine's own disk, and tells the appliance: firmware that cannot be told where to start next would
    /// only come back here.
    fn leave(&self) -> ! {
        let call = self
            .connection
            .post_json::<_, ()>("/agent/v1/local-boot", &(), Retry::UntilSent);
        let told = self
            .runtime
            .block_on(async { tokio::time::timeout(BEFORE_LEAVING, call).await });
        if let Ok(Err(error)) = told {
            screen::log(&format!("leaving for the disk: {error}"));
        }
        leave_for_disk(words())
    }

    /// The appliance knows us no more: only another boot brings another token.
    fn end_session(&self, words: &screen::Words, error: &CallError) -> ! {
        screen::say(&fill(words.session_over, &[&error.to_string()]));
        screen::say(words.keys);
        Session::forget();
        self.attention.wait_for_retry(BEFORE_RESTART);
        if self.attention.wants_local_boot() {
            leave_for_disk(words);
        }
        restart(words)
    }

    /// The adapter that booted, else the first that carries a signal.
    fn mac(&self, facts: &MachineFacts) -> MacAddr {
        let linked = facts.nics.iter().find(|nic| nic.link).or(facts.nics.first());
        self.command_line
            .mac
            .or(linked.map(|nic| nic.mac))
            .unwrap_or_default()
    }
}

fn wait_for_devices() {
    let started = Instant::now();
    while !module::devices_settled() && started.elapsed() < SETTLE_PATIENCE {
        std::thread::sleep(Duration::from_millis(50));
    }
    let has_disk = || !disk::list_disks(protocol::machine::Firmware::Bios).is_empty();
    let started = Instant::now();
    while !has_disk() && started.elapsed() < DISK_PATIENCE {
        std::thread::sleep(Duration::from_millis(250));
    }
    let disks = disk::list_disks(protocol::machine::Firmware::Bios);
    if disks.is_empty() {
        screen::say(words().no_disk);
    }
    // Said at once: without a network there is no greeting after which warnings are told.
    let advice = machine::hidden_disks(&disks);
    for line in &advice {
        screen::say(line);
    }
    if disks.is_empty() || !advice.is_empty() {
        screen::say(words().keys);
    }
}

/// Restarts so that the firmware goes to the disk if it can be asked to.
fn leave_for_disk(words: &screen::Words) -> ! {
    match process::local_boot_next() {
        Some(entry) => screen::say(&format!("{} ({entry})", words.leaving)),
        None => screen::say(words.leaving),
    }
    process::restart();
    stay()
}

fn restart(words: &screen::Words) -> ! {
    screen::say(words.restarting);
    process::restart();
    stay()
}

fn power_off(words: &screen::Words) -> ! {
    screen::say(words.switching_off);
    process::power_off();
    stay()
}

/// The kernel refused to end the session and has said so; process 1 starts us again after this.
fn stay() -> ! {
    std::thread::sleep(Duration::from_secs(60));
    std::process::exit(1)
}

/// Whether the appliance heard another agent of this machine just now: after a restart that was ourselves.
fn is_at_work(error: &CallError) -> bool {
    matches!(error, CallError::Refused(problem) if problem.code == Problem::AGENT_AT_WORK)
}

/// Whether the appliance has answered a report, in whatever words. One that fails inside, or another one at its address,
/// has not: the report is kept, or the step would be done a second time for want of it.
fn is_answer(error: &CallError) -> bool {
    match error {
        CallError::Refused(problem) => problem.status < 500,
        CallError::Malformed { .. } => true,
        CallError::Untrusted { .. } | CallError::Unreachable { .. } | CallError::Cancelled => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Problem;

    #[test]
    fn a_report_is_kept_until_the_appliance_has_understood_or_refused_it() {
        let refused = |status| CallError::Refused(Problem::new("x", "x", "").with_status(status));
        for status in [401, 403, 409, 413, 422] {
            assert!(is_answer(&refused(status)), "{status}");
        }
        assert!(!is_answer(&refused(500)) && !is_answer(&refused(507)));
        let stranger = CallError::Untrusted {
            address: "192.0.2.1:1".parse().unwrap(),
            why: "another CA".into(),
        };
        assert!(!is_answer(&stranger));
    }
}
