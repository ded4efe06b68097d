// SPDX-License-Identifier: Apache-2.0
//! HTTP: connections, limits, TLS, and the end that loses nothing that was accepted.

use crate::error::ApiError;
use crate::service::{Call, Service};
use anyhow::{Context, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{any, get};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ProtocolVersion, ServerConfig};
use zeroize::Zeroizing;

/// How long the last requests may take when the service ends.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whose connection it is.
#[derive(Clone, Copy)]
struct Peer {
    address: SocketAddr,
    tls: Option<&'static str>,
}

fn tls(config: &crate::config::Tls) -> Result<TlsAcceptor> {
    let file = |p: &std::path::Path| format!("the file {}", p.display());
    let chain = CertificateDer::pem_file_iter(&config.certificates)
        .with_context(|| file(&config.certificates))?
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| file(&config.certificates))?;
    let key = PrivateKeyDer::from_pem_file(&config.key).with_context(|| file(&config.key))?;
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("the certificate and its key do not fit")?;
    Ok(TlsAcceptor::from(Arc::new(server)))
}

fn answer(status: u16, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut r = Response::new(body.into());
    *r.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    r.headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    r
}

fn refused(e: &ApiError) -> Response {
    answer(e.status, "application/x-amz-json-1.1", e.body())
}

async fn api(
    State(service): State<Arc<Service>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let limit = Duration::from_secs(service.config.timeout_seconds);
    let collected =
        tokio::time::timeout(limit, Limited::new(body, service.config.body_bytes).collect()).await;
    let (body, cut) = match collected {
        Err(_) => (
            None,
            (
                408,
                "RequestTimeoutException",
                "The request's body did not come in time.",
            ),
        ),
        Ok(Err(e)) if e.downcast_ref::<LengthLimitError>().is_some() => (
            None,
            (
                413,
                "RequestEntityTooLargeException",
                "The request's body is too long.",
            ),
        ),
        Ok(Err(_)) => (
            None,
            (400, "SerializationException", "The request's body was cut."),
        ),
        Ok(Ok(b)) => (Some(b.to_bytes().to_vec()), (500, "KMSInternalException", "")),
    };
    let whole = body.is_some();
    let headers = head.headers.iter();
    let call = Call {
        method: head.method.to_string(),
        path: head.uri.path().into(),
        query: head.uri.query().unwrap_or_default().into(),
        // What is no UTF-8 matches no signature.
        headers: headers
            .map(|(n, v)| {
                (
                    n.as_str().into(),
                    String::from_utf8_lossy(v.as_bytes()).into_owned(),
                )
            })
            .collect(),
        body: Zeroizing::new(body.unwrap_or_default()),
        source: peer.address.ip(),
        tls: peer.tls,
    };
    // In a task of its own: a client that leaves does not stop what was begun, nor its record.
    let work = tokio::spawn(async move {
        if whole {
            return service.answer(&call).await;
        }
        let (status, code, message) = cut;
        let error = ApiError {
            status,
            ..ApiError::new(code, message)
        };
        service.refuse(&call, error).await
    });
    let (result, id) = match work.await {
        Ok(done) => done,
        Err(e) => (
            Err(ApiError::internal(format_args!("a request failed: {e}"))),
            String::new(),
        ),
    };
    let mut r = match result {
        Ok(v) => answer(200, "application/x-amz-json-1.1", v.to_string()),
        Err(e) => refused(&e),
    };
    if let Ok(id) = HeaderValue::from_str(&id) {
        r.headers_mut().insert("x-amzn-requestid", id);
    }
    r
}

async fn health(State(service): State<Arc<Service>>) -> Response {
    if let Some(e) = service.audit_status().trouble {
        return answer(503, "text/plain", format!("the audit log: {e}\n"));
    }
    let status = service.hsm.run(|w| w.officer().status()).await;
    match status {
        Ok(s) if s.ready && !s.zeroized => answer(200, "text/plain", "ok\n"),
        Ok(s) => answer(503, "text/plain", format!("the device: {s:?}\n")),
        Err(e) => answer(503, "text/plain", format!("the device: {e}\n")),
    }
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    let audit = service.audit_status();
    let (hits, misses) = service.hsm.run(|w| Ok(w.cache())).await.unwrap_or_default();
    let text = service.metrics.text(&[
        (
            "casemated_slot_hits_total",
            "Uses of keys that were in slots.",
            hits,
        ),
        (
            "casemated_slot_misses_total",
            "Uses of keys that had to be unwrapped.",
            misses,
        ),
        (
            "casemated_audit_records_total",
            "Audit records written.",
            audit.records,
        ),
        (
            "casemated_audit_refused_total",
            "Audit records that could not be written.",
            audit.refused,
        ),
        (
            "casemated_audit_writes_total",
            "Writes of audit records to the disk.",
            audit.writes,
        ),
    ]);
    answer(200, "text/plain; version=0.0.4", text)
}

/// Where it listens.
pub async fn bind(at: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(at).await.with_context(|| {
        format!("cannot listen at {at}: choose another address with --listen or in the configuration")
    })
}

/// Serves until `end`, then finishes what it accepted.
pub async fn serve(
    service: Arc<Service>,
    listener: TcpListener,
    end: impl Future<Output = ()>,
) -> Result<()> {
    let acceptor = service.config.tls.as_ref().map(tls).transpose()?;
    let router = Router::new()
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .fallback(any(api))
        .with_state(service.clone());
    let room = Arc::new(Semaphore::new(service.config.connections));
    let graceful = Arc::new(GracefulShutdown::new());
    let mut end = std::pin::pin!(end);
    loop {
        let permit = tokio::select! {
            () = &mut end => break,
            permit = room.clone().acquire_owned() => permit?,
        };
        let (stream, address) = tokio::select! {
            () = &mut end => break,
            accepted = listener.accept() => match accepted {
                Ok(a) => a,
                Err(e) => {
                    // Out of file descriptors, mostly: it passes.
                    tracing::warn!("a connection was not accepted: {e}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let (router, acceptor, watcher) = (router.clone(), acceptor.clone(), graceful.watcher());
        let limit = Duration::from_secs(service.config.timeout_seconds);
        tokio::spawn(async move {
            let _permit = permit;
            if let Err(e) = connection(stream, address, router, acceptor, watcher, limit).await {
                tracing::debug!("connection of {address}: {e}");
            }
        });
    }
    drop(listener);
    if let Some(graceful) = Arc::into_inner(graceful)
        && tokio::time::timeout(PATIENCE, graceful.shutdown()).await.is_err()
    {
        tracing::warn!("some connections did not end within {PATIENCE:?}");
    }
    Ok(())
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    router: Router,
    acceptor: Option<TlsAcceptor>,
    watcher: hyper_util::server::graceful::Watcher,
    limit: Duration,
) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limit);
    match acceptor {
        None => {
            let peer = Peer { address, tls: None };
            let service = TowerToHyperService::new(router.layer(axum::Extension(ConnectInfo(peer))));
            watcher
                .watch(builder.serve_connection(TokioIo::new(stream), service))
                .await?;
        }
        Some(acceptor) => {
            let stream = tokio::time::timeout(limit, acceptor.accept(stream)).await??;
            let version = match stream.get_ref().1.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "TLSv1.3",
            };
            let peer = Peer {
                address,
                tls: Some(version),
            };
            let service = TowerToHyperService::new(router.layer(axum::Extension(ConnectInfo(peer))));
            watcher
                .watch(builder.serve_connection(TokioIo::new(stream), service))
                .await?;
        }
    }
    Ok(())
}
