//! Whatever happens in whatever order, to the whole catalog: agents that crash, ask twice, report late; the appliance that is
//! killed. No job is lost, and no disk is written twice for one word of a person.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};

#[derive(Clone, Debug)]
enum Happening {
    /// A machine starts, twice with the same token: the second agent is refused.
    Boot(u8),
    Create(Vec<u8>, bool),
    /// The agent asks; the answer arrives or is lost.
    Ask(u8, bool),
    Work(u8),
    Write(u8),
    Report(u8, u8),
    /// The report before is sent again, with whatever key it was sent with.
    ReportAgain(u8),
    Cancel(usize),
    Retry(usize),
    Kill,
    Tick(u32),
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let machine = || 1_u8..4;
    let happening = prop_oneof![
        4 => machine().prop_map(Happening::Boot),
        3 => (prop::collection::vec(machine(), 1..3), any::<bool>()).prop_map(|(machines, both)| Happening::Create(machines, both)),
        8 => (machine(), prop::bool::weighted(0.8)).prop_map(|(machine, arrives)| Happening::Ask(machine, arrives)),
        4 => machine().prop_map(Happening::Work),
        5 => machine().prop_map(Happening::Write),
        5 => (machine(), 0_u8..3).prop_map(|(machine, outcome)| Happening::Report(machine, outcome)),
        2 => machine().prop_map(Happening::ReportAgain),
        1 => (0_usize..4).prop_map(Happening::Cancel),
        1 => (0_usize..4).prop_map(Happening::Retry),
        1 => Just(Happening::Kill),
        2 => (1_u32..9000).prop_map(Happening::Tick),
    ];
    prop::collection::vec(happening, 1..60)
}

/// An agent as it is on its machine: what it was told, and what it has in hand.
#[derive(Clone, Debug)]
struct Agent {
    key: String,
    run: Option<protocol::agent::Assignment>,
    /// Its last report, with the key that it was sent with.
    said: Option<(String, StepReport)>,
}

/// The world around the catalog, and what it saw of it.
struct World {
    site: Site,
    machines: BTreeMap<u8, MachineId>,
    agents: HashMap<u8, Agent>,
    jobs: Vec<(JobId, Vec<MachineId>)>,
    /// Words of people for a machine in a job: its creation, and each retry.
    words: HashMap<(JobId, MachineId), u32>,
    /// Starts of writing that were no continuation.
    starts: HashMap<(JobId, MachineId), u32>,
    /// Steps that ended well, as their agents were told.
    ended: HashMap<(JobId, MachineId, u32), u32>,
}

impl World {
    fn new() -> Self {
        let site = Site::new();
        let machines = (1..4)
            .map(|number| (number, site.hello(number, true).machine))
            .collect();
        Self {
            site,
            machines,
            agents: HashMap::new(),
            jobs: Vec::new(),
            words: HashMap::new(),
            starts: HashMap::new(),
            ended: HashMap::new(),
        }
    }

    fn session(&self, number: u8) -> Option<AgentSession> {
        self.site
            .catalog
            .authenticate(&self.agents.get(&number)?.key)
            .ok()
    }

    fn boot(&mut self, number: u8) {
        // Whoever was there lost its power.
        self.agents.remove(&number);
        self.site.clock.advance(Duration::from_secs(25));
        let Ok(token) = self.site.catalog.boot_token(&boot_facts(number), None) else {
            return;
        };
        let first = self.site.catalog.hello(&hello(number, true, token.clone()));
        let second = self.site.catalog.hello(&hello(number, true, token));
        assert!(second.is_err(), "two agents with one token");
        if let Ok(welcome) = first {
            assert_eq!(welcome.machine, self.machines[&number]);
            let agent = Agent {
                key: welcome.session_key,
                run: None,
                said: None,
            };
            self.agents.insert(number, agent);
        }
    }

    fn ask(&mut self, number: u8, arrives: bool) {
        let Some(session) = self.session(number) else {
            return;
        };
        let Ok(held) = self.site.catalog.next_task(&session) else {
            return;
        };
        if let Some(agent) = self.agents.get_mut(&number).filter(|_| arrives) {
            agent.run = match held.task {
                Task::Run(run) => Some(run),
                _ => None,
            };
        }
    }

    fn write(&mut self, number: u8) {
        let Some(session) = self.session(number) else {
            return;
        };
        let Some(run) = self.agents[&number].run.clone() else {
            return;
        };
        let mark = protocol::agent::WritingMark {
            job: run.job,
            step_index: run.step_index,
        };
        let Ok(reply) = self.site.catalog.start_writing(&session, mark) else {
            return;
        };
        if !reply.cancelled && run.step.writes() && !run.resumed {
            let key = (run.job, session.machine);
            // An agent says it once for what it was given; saying it again is no other start.
            let starts = self.starts.entry(key).or_default();
            let row = self
                .site
                .catalog
                .job_machine(run.job, session.machine)
                .unwrap()
                .unwrap();
            let is_first = row.standing.begun.is_some_and(|begun| begun.writing);
            assert!(is_first, "allowed, and written down");
            *starts += 1;
            assert!(
                *starts <= self.words[&key],
                "a disk is written {starts} times for {} word(s) of a person",
                self.words[&key]
            );
            if let Some(run) = self.agents.get_mut(&number).and_then(|agent| agent.run.as_mut()) {
                run.resumed = true;
            }
        }
    }

    fn report(&mut self, number: u8, outcome: u8) {
        let Some(agent) = self.agents.get_mut(&number) else {
            return;
        };
        let Some(run) = agent.run.take() else { return };
        let outcome = match outcome {
            0 => failed(),
            1 => Outcome::NeedsPerson {
                problem: Problem::new("disk-ambiguous", "which", ""),
            },
            _ => done(),
        };
        let report = StepReport {
            job: run.job,
            step_index: run.step_index,
            outcome,
        };
        agent.said = Some((agent.key.clone(), report));
        self.say_again(number);
    }

    fn say_again(&mut self, number: u8) {
        let Some((key, report)) = self.agents.get(&number).and_then(|agent| agent.said.clone()) else {
            return;
        };
        let Ok(session) = self.site.catalog.authenticate(&key) else {
            return;
        };
        let row = |world: &Self| {
            world
                .site
                .catalog
                .job_machine(report.job, session.machine)
                .unwrap()
                .unwrap()
        };
        let before = row(self).standing;
        let Ok(reply) = self.site.catalog.report(&session, report.clone()) else {
            return;
        };
        let after = row(self).standing;
        assert!(
            !before.state.is_final() || before == after,
            "a late report changes nothing"
        );
        if after.results.len() > before.results.len() {
            *self
                .ended
                .entry((report.job, session.machine, report.step_index))
                .or_default() += 1;
        }
        if let (Some(key), Some(agent)) = (reply.session_key, self.agents.get_mut(&number)) {
            agent.key = key;
        }
    }

    fn check(&self) {
        for (job, machines) in &self.jobs {
            let row = self
                .site
                .catalog
                .job(*job, &Scope::Everything)
                .unwrap()
                .expect("a job is lost");
            assert_eq!(
                row.counts.total(),
                machines.len() as u64,
                "a machine of a job is lost"
            );
            for machine in machines {
                let row_of = self.site.catalog.job_machine(*job, *machine).unwrap().unwrap();
                let standing = &row_of.standing;
                assert_eq!(standing.state.is_final(), standing.ended_at.is_some());
                assert!(
                    standing.state != JobState::Failed || standing.problem.is_some(),
                    "failed, and nobody knows why"
                );
                let wait = self.site.catalog.job_wait(&row, &row_of).unwrap();
                assert_eq!(
                    wait.is_some(),
                    matches!(standing.state, JobState::Queued | JobState::Waiting),
                    "whatever waits says why: {standing:?}"
                );
            }
        }
        for ((job, machine, step), times) in &self.ended {
            assert!(
                *times <= self.words[&(*job, *machine)],
                "step {step} of {job} ended well {times} times"
            );
        }
    }

    fn live(&mut self, happening: Happening) {
        match happening {
            Happening::Boot(number) => self.boot(number),
            Happening::Create(numbers, reboots) => {
                let mut machines: Vec<_> = numbers.iter().map(|number| self.machines[number]).collect();
                machines.dedup();
                let steps = if reboots {
                    vec![restore()]
                } else {
                    vec![Step::Wake, restore(), Step::Inspect, Step::PowerOff]
                };
                let wish = JobWish {
                    scope: Scope::Everything,
                    machines,
                    steps,
                    ..JobWish::default()
                };
                let (job, _) = self
                    .site
                    .catalog
                    .create_job(wish, &Depot, &admin(), None)
                    .unwrap();
                let machines: Vec<_> = self
                    .site
                    .catalog
                    .job_machines(job, &Scope::Everything)
                    .unwrap()
                    .iter()
                    .map(|row| row.machine)
                    .collect();
                for machine in &machines {
                    self.words.insert((job, *machine), 1);
                }
                self.jobs.push((job, machines));
            }
            Happening::Ask(number, arrives) => self.ask(number, arrives),
            Happening::Work(number) => {
                if let Some(session) = self.session(number) {
                    let _ = self.site.catalog.start_step(&session);
                }
            }
            Happening::Write(number) => self.write(number),
            Happening::Report(number, outcome) => self.report(number, outcome),
            Happening::ReportAgain(number) => self.say_again(number),
            Happening::Cancel(place) => {
                if let Some((job, _)) = self.jobs.get(place) {
                    self.site.catalog.cancel_job(*job, &admin()).unwrap();
                }
            }
            Happening::Retry(place) => {
                if let Some((job, machines)) = self.jobs.get(place).cloned() {
                    let _ = self.site.catalog.retry_job(job, Some(&machines), &admin());
                    for machine in machines {
                        *self.words.entry((job, machine)).or_default() += 1;
                    }
                }
            }
            Happening::Kill => self.site.kill_and_start(),
            Happening::Tick(seconds) => {
                self.site.clock.advance(Duration::from_secs(seconds.into()));
                self.site.catalog.tick().unwrap();
            }
        }
    }

    /// Everybody does what they are told, people say what they are asked: then every job ends.
    fn finish(&mut self) {
        for _ in 0..60 {
            for order in self.site.catalog.due_wakes().unwrap() {
                self.site.catalog.woke(&order, &Ok(1)).unwrap();
            }
            for (job, machines) in self.jobs.clone() {
                for machine in machines {
                    let row = self.site.catalog.job_machine(job, machine).unwrap().unwrap();
                    if row.standing.state == JobState::Waiting {
                        self.site
                            .catalog
                            .retry_job(job, Some(&[machine]), &admin())
                            .unwrap();
                        *self.words.entry((job, machine)).or_default() += 1;
                    }
                }
            }
            for number in 1..4 {
                if self.site.boot(number) != LOCAL {
                    self.boot(number);
                    self.ask(number, true);
                    self.write(number);
                    self.report(number, 2);
                }
            }
        }
        for (job, _) in &self.jobs {
            let row = self.site.catalog.job(*job, &Scope::Everything).unwrap().unwrap();
            let counts = row.counts;
            assert_eq!(
                counts.done + counts.failed + counts.cancelled,
                counts.total(),
                "a job never ends: {row:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 200, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn whatever_happens_no_job_is_lost_and_none_is_done_twice(happenings in happenings()) {
        let mut world = World::new();
        for happening in happenings {
            world.live(happening);
            world.check();
        }
        world.site.kill_and_start();
        world.check();
        world.finish();
        world.check();
        world.site.catalog.verify_audit().unwrap();
    }
}
