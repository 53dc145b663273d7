//! `amorce serve`: opens what is kept, binds every port, then runs until it is told to stop.

use crate::{
    certificates::{Certificates, uploaded_server_config},
    configuration::{Configuration, ServeArguments},
    interface,
    listener::TlsListener,
    records,
    wiring::{self, CatalogDecisions, RunningAppliance},
};
use anyhow::{Context, Result};
use bootd::BootServices;
use catalog::Catalog;
use control::Control;
use depot::server::DepotServer;
use std::{
    io::IsTerminal,
    net::Ipv4Addr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, MissedTickBehavior},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long everything together may take to end after a stop was asked for.
const STOP_WITHIN: Duration = Duration::from_secs(12);
/// When that is done for the first time: many appliances are switched off every night.
const FIRST_COLLECT: Duration = Duration::from_secs(10 * 60);
/// How often the folder of dropped firmware is looked at.
const FIRMWARE_LOOK: Duration = Duration::from_secs(3);
/// How often it is looked whether today's copy of the catalog is there.
const LOOK_FOR_DAY: Duration = Duration::from_secs(60 * 60);
/// How often what no master needs is removed from the depot.
const COLLECT: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs the appliance.
pub fn run(arguments: ServeArguments) -> Result<()> {
    let configuration = Configuration::load(arguments)?;
    start_log();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no runtime can be started")?;
    let outcome = runtime.block_on(serve(configuration));
    // Work that blocks may take minutes (cleaning a large depot); it is safe to cut at any instant, as by a power cut.
    runtime.shutdown_timeout(STOP_WITHIN);
    outcome
}

async fn serve(configuration: Configuration) -> Result<()> {
    for name in &configuration.interfaces {
        interface::addresses(name)?;
    }
    make_private_folder(&configuration.data)?;
    let certificates = Certificates::open(&configuration.tls(), &interface::all_addresses()?)?;
    let catalog = Catalog::open(&configuration.catalog())?;
    let depot = Arc::new(DepotServer::open(&configuration.depot())?);
    let firmware = packer::firmware_mark(&configuration.boot());
    take_up_firmware(&configuration.boot());

    let stop = CancellationToken::new();
    let control = Control::with_metrics_token(
        catalog.clone(),
        Arc::clone(&depot),
        Arc::new(RunningAppliance::new(
            configuration.clone(),
            certificates.fingerprint(),
        )),
        configuration.metrics_token.clone(),
    );
    let tls = certificates.server_config()?;
    let page_tls = match &configuration.admin_certificate {
        Some((certificate, key)) => uploaded_server_config(certificate, key)?,
        None => Arc::clone(&tls),
    };
    let agent = TlsListener::bind(
        "agent",
        configuration.agent,
        tls,
        control::agent_router(control.clone()),
    )
    .await?;
    let routes = control::admin_router(control.clone(), wiring::page());
    let admin = TlsListener::bind("admin", configuration.admin, page_tls, routes).await?;
    let boot = BootServices::bind(
        bootd::Config {
            interfaces: configuration.interfaces.clone(),
            http: configuration.http,
            agent_port: configuration.agent.port(),
            ca: certificates.fingerprint(),
            boot_folder: configuration.boot(),
            extra_kernel_words: configuration.kernel_words.clone(),
            pools: wiring::addresses::pools(&configuration, &catalog)?,
            ports: bootd::Ports::default(),
        },
        Arc::new(CatalogDecisions(catalog.clone())),
    )
    .await
    .context("the boot services cannot start")?;

    greet(&configuration, &catalog)?;
    let tasks = TaskTracker::new();
    tasks.spawn(agent.run(stop.clone()));
    tasks.spawn(admin.run(stop.clone()));
    tasks.spawn(boot.run(stop.clone()));
    let timekeeper = control.clone();
    tasks.spawn(async move { timekeeper.run().await });
    tasks.spawn(keep_clean(depot, stop.clone()));
    tasks.spawn(watch_firmware(configuration.boot(), firmware, stop.clone()));
    tasks.spawn(keep_copies(
        configuration.catalog(),
        configuration.backup(),
        stop.clone(),
    ));
    tasks.close();
    wait_for_signal().await?;
    tracing::info!("stopping; requests under way may end");
    control.stop();
    stop.cancel();
    if tokio::time::timeout(STOP_WITHIN, tasks.wait()).await.is_err() {
        tracing::warn!(running = tasks.len(), "not everything ended in time");
    }
    Ok(())
}

/// Says where the page is and, while nobody administers the appliance, the code that makes the first administrator.
fn greet(configuration: &Configuration, catalog: &Catalog) -> Result<()> {
    let address = if configuration.admin.ip().is_unspecified() {
        interface::addresses(&configuration.interfaces[0])?
            .first()
            .copied()
            .unwrap_or(Ipv4Addr::LOCALHOST)
            .into()
    } else {
        configuration.admin.ip()
    };
    let port = match configuration.admin.port() {
        443 => String::new(),
        port => format!(":{port}"),
    };
    println!("amorce: the page is at https://{address}{port}/");
    if let Some(code) = catalog.new_setup_code()? {
        println!("amorce: it fills in the code below if opened as https://{address}{port}/#code={code}");
        println!(
            "amorce: nobody administers this appliance yet; the first administrator's one-time code is {code}"
        );
    }
    Ok(())
}

/// Removes what no master needs from the depot, once a day.
async fn keep_clean(depot: Arc<DepotServer>, stop: CancellationToken) {
    let mut clock = tokio::time::interval_at(Instant::now() + FIRST_COLLECT, COLLECT);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => {}
        }
        let depot = Arc::clone(&depot);
        match tokio::task::spawn_blocking(move || depot.collect_garbage()).await {
            Ok(Ok(collected)) => tracing::info!(?collected, "the depot was cleaned"),
            Ok(Err(problem)) => tracing::error!(%problem, "the depot was not cleaned"),
            Err(error) => tracing::error!(%error, "the depot was not cleaned"),
        }
    }
}

/// Takes up firmware files as they are dropped: when the folder has changed, and is the same at two looks in a row, as a file
/// that is being copied is not.
async fn watch_firmware(boot: PathBuf, mut taken: u64, stop: CancellationToken) {
    let mut clock = tokio::time::interval(FIRMWARE_LOOK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = taken;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => {}
        }
        let boot = boot.clone();
        let look = move || {
            let mark = packer::firmware_mark(&boot);
            if mark == last && mark != taken {
                take_up_firmware(&boot);
                return (mark, mark);
            }
            (mark, taken)
        };
        if let Ok(seen) = tokio::task::spawn_blocking(look).await {
            (last, taken) = seen;
        }
    }
}

/// Copies the catalog once a day, so that there is one to put in its place when its file is damaged.
async fn keep_copies(catalog: PathBuf, folder: PathBuf, stop: CancellationToken) {
    let mut clock = tokio::time::interval_at(Instant::now() + FIRST_COLLECT, LOOK_FOR_DAY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => {}
        }
        let (catalog, folder) = (catalog.clone(), folder.clone());
        let day = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        match tokio::task::spawn_blocking(move || records::back_up_daily(&catalog, &folder, day)).await {
            Ok(Ok(Some(copy))) => tracing::info!(copy = %copy.display(), "the catalog was copied"),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::error!("the catalog was not copied: {error:#}"),
            Err(error) => tracing::error!(%error, "the catalog was not copied"),
        }
    }
}

/// Firmware files that an admin dropped since the initrd was built. A fault here must not keep the site from booting.
fn take_up_firmware(boot: &Path) {
    match packer::refresh_firmware(boot) {
        Ok(true) => tracing::info!("the initrd has the files from boot/firmware now"),
        Ok(false) => {}
        Err(error) => tracing::warn!("dropped firmware was not taken up: {error}"),
    }
}

fn make_private_folder(path: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("the data folder {} cannot be made", path.display()))
}

/// For people on a terminal, as JSON for a journal; `AMORCE_LOG` chooses how much.
fn start_log() {
    use tracing_subscriber::{EnvFilter, fmt, prelude::*};
    let filter = EnvFilter::try_from_env("AMORCE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    if std::io::stderr().is_terminal() {
        registry.with(fmt::layer().with_writer(std::io::stderr)).init();
    } else {
        registry
            .with(fmt::layer().json().with_writer(std::io::stderr))
            .init();
    }
}

async fn wait_for_signal() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
