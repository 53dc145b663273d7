//! Boots machines without an appliance: every machine gets the same plan, and the transcript goes to standard output.
//!
//! `serve INTERFACE BOOT-FOLDER agent|local [HTTP-PORT]`

use bootd::{BootEvent, Config, DecisionError, Decisions, Ports};
use protocol::{
    boot::{AgentReason, BootFacts, BootPlan, LocalReason},
    cmdline::CaFingerprint,
    menu::EntryKey,
};
use std::{env, sync::Arc, time::Instant};
use tokio_util::sync::CancellationToken;

struct Fixed {
    plan: BootPlan,
    began: Instant,
}

impl Decisions for Fixed {
    fn plan(&self, _: &BootFacts) -> BootPlan {
        self.plan.clone()
    }

    fn boot_token(&self, _: &BootFacts, _: Option<&EntryKey>) -> Result<String, DecisionError> {
        Ok("example-token".into())
    }

    fn observe(&self, event: BootEvent) {
        let mac = event.mac.map_or("?".into(), |mac| mac.to_string());
        println!(
            "{:8.3} {mac} {}",
            self.began.elapsed().as_secs_f64(),
            event.happening
        );
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let words: Vec<String> = env::args().skip(1).collect();
    let [interface, boot_folder, plan, rest @ ..] = &words[..] else {
        anyhow::bail!("usage: serve INTERFACE BOOT-FOLDER agent|local [HTTP-PORT]");
    };
    let plan = match plan.as_str() {
        "agent" => BootPlan::Agent {
            reason: AgentReason::Job,
        },
        "local" => BootPlan::LocalDisk {
            reason: LocalReason::NoJob,
        },
        other => anyhow::bail!("the plan is agent or local, not {other}"),
    };
    let config = Config {
        interfaces: vec![interface.clone()],
        http: ([0, 0, 0, 0], rest.first().map_or(Ok(8080), |port| port.parse())?).into(),
        agent_port: 8443,
        ca: CaFingerprint([0; 32]),
        boot_folder: boot_folder.into(),
        extra_kernel_words: Vec::new(),
        pools: Vec::new(),
        ports: Ports::default(),
    };
    let stop = CancellationToken::new();
    let signal = stop.clone();
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        signal.cancel();
    });
    bootd::serve(
        config,
        Arc::new(Fixed {
            plan,
            began: Instant::now(),
        }),
        stop,
    )
    .await?;
    Ok(())
}
