// SPDX-License-Identifier: Apache-2.0
//! `casemated`: a key service on the device, spoken to by the clients of AWS KMS.

use anyhow::{Context, Result};
use casemate::Device;
use casemated::config::Config;
use casemated::service::Service;
use casemated::store::{Postgres, Sqlite, Store};
use casemated::{cli, device, id, ops, principal, server};
use clap::{Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Key service on a Casemate device, spoken to by AWS KMS clients.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Start with no configuration, and print what a shell needs to be a client
    #[arg(long)]
    dev: bool,
    /// Configuration, TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The device, as in sim: or soft:
    #[arg(long, value_name = "URI")]
    device: Option<String>,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Folder of the store and the audit log
    #[arg(long, value_name = "DIR", global = true)]
    folder: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Manages who may ask
    #[command(subcommand)]
    Principal(cli::Principal),
}

/// The device of a URI; a simulated one gets a root secret of its own, without which its keys would be everybody's.
fn open(config: &Config) -> Result<Device> {
    let uri = &config.device;
    let simulated = uri.starts_with("sim:") || uri.starts_with("soft:");
    let uri = if simulated && !uri.contains("root=") {
        let sign = if uri.contains('?') { '&' } else { '?' };
        let root = std::path::absolute(config.folder.join("device-root"))?;
        format!("{uri}{sign}root={}", root.display())
    } else {
        uri.clone()
    };
    if uri.starts_with("sim:") {
        tracing::info!("the device is RTL under Verilator: it is built at first use, which takes minutes");
    }
    Device::open(&uri).with_context(|| format!("cannot open the device {uri}"))
}

fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::INFO)
        .init();
    let args = Args::parse();
    let mut config = match &args.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    if let Some(d) = args.device {
        config.device = d;
    }
    if let Some(l) = args.listen {
        config.listen = l;
    }
    if let Some(f) = args.folder {
        config.folder = f;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match args.command {
        Some(Command::Principal(command)) => {
            let store = runtime.block_on(open_store(&config))?;
            runtime.block_on(cli::run(command, &store))
        }
        None if args.dev || args.config.is_some() => {
            let (service, listener) = runtime.block_on(start(config))?;
            let served = runtime.block_on(run(service.clone(), listener, args.dev));
            // Tasks that are still at work end here, before the log does; that must not be in the runtime.
            runtime.shutdown_timeout(Duration::from_secs(5));
            service.close().context("the audit log's last head")?;
            served
        }
        None => {
            anyhow::bail!("nothing to serve: give --config FILE, or --dev to try it out (--help tells more)")
        }
    }
}

async fn open_store(config: &Config) -> Result<Store> {
    std::fs::create_dir_all(&config.folder)
        .with_context(|| format!("cannot make the folder {}", config.folder.display()))?;
    if let Some(url) = &config.store {
        // Without the URL, which may hold a password.
        let store = Postgres::open(url)
            .await
            .context("cannot open the PostgreSQL database of `store`")?;
        return Ok(Store::Postgres(Box::new(store)));
    }
    let path = config.store_file();
    let store = Sqlite::open(&path).with_context(|| format!("cannot open the store {}", path.display()))?;
    Ok(Store::Sqlite(store))
}

/// All that is open when the service serves.
async fn start(config: Config) -> Result<(Arc<Service>, TcpListener)> {
    let listener = server::bind(config.listen).await?;
    let store = open_store(&config).await?;
    let device = open(&config)?;
    let hsm = device::Hsm::start(&device)?;
    Ok((Arc::new(Service::new(config, store, hsm).await?), listener))
}

/// Serves until the system says to end.
async fn run(service: Arc<Service>, listener: TcpListener, dev: bool) -> Result<()> {
    let address = listener.local_addr()?;
    let scheme = if service.config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    tracing::info!("serving {scheme}://{address}, region {}", service.config.region);
    if dev {
        introduce(&service, &format!("{scheme}://{address}")).await?;
    }
    let scheduler = tokio::spawn(schedule(service.clone()));
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let end = async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    };
    server::serve(service.clone(), listener, end).await?;
    scheduler.abort();
    Ok(())
}

/// A fresh principal, as lines for a shell.
async fn introduce(service: &Service, url: &str) -> Result<()> {
    let arn = format!(
        "arn:aws:iam::000000000000:user/dev-{}",
        hex::encode(&id::uuid()[..4])
    );
    principal::create(&service.store, &arn).await?;
    principal::change(&service.store, &arn, |d| {
        d.policies
            .insert("everything".into(), principal::EVERYTHING.into());
        Ok(())
    })
    .await?;
    let key = principal::access_key(&service.store, &arn).await?;
    let region = &service.config.region;
    println!("export AWS_ENDPOINT_URL_KMS={url}");
    // Older clients read the second.
    println!("export AWS_REGION={region} AWS_DEFAULT_REGION={region}");
    println!("export AWS_ACCESS_KEY_ID={}", key.id);
    println!("export AWS_SECRET_ACCESS_KEY={}", *key.secret);
    std::io::Write::flush(&mut std::io::stdout())?;
    Ok(())
}

async fn schedule(service: Arc<Service>) {
    let mut tick = tokio::time::interval(Duration::from_secs(service.config.schedule_seconds));
    loop {
        tick.tick().await;
        // Of several servers over one database one does it.
        match service.store.leads().await {
            Ok(true) => {}
            Ok(false) => continue,
            Err(e) => {
                tracing::error!("scheduled work: {e}");
                continue;
            }
        }
        if let Err(e) = ops::due(&service).await {
            tracing::error!("scheduled work: {}", e.message);
        }
    }
}
