//! Moves HTTP messages.

use super::{
    body::ContentBody,
    engine::{Part, Target, entity_tag, media_type},
    outbox::{Outbox, Outlet},
    stall::StallLimited,
};
use crate::{
    event::{BootEvent, Happening, Loader},
    service::{Content, Refusal, Shared},
};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Incoming},
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connections at one time; others wait to be accepted.
const MAX_CONNECTIONS: usize = 1024;
/// Time for the head of a request, and between two requests on one connection.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// Time that a client may take nothing.
const STALL_TIME: Duration = Duration::from_secs(60);
/// Bytes of a request's head.
const HEAD_MAX_LEN: usize = 16 * 1024;

/// Answers until told to stop.
pub(crate) async fn serve(shared: Arc<Shared>, listener: TcpListener, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let tasks = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, client, place)) = accepted else {
            continue;
        };
        let (shared, stop) = (Arc::clone(&shared), stop.clone());
        tasks.spawn(async move {
            if let Err(error) = serve_connection(shared, stream, client, stop).await {
                tracing::debug!(%error, %client, "HTTP connection ended");
            }
            drop(place);
        });
    }
    tasks.close();
    tasks.wait().await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, client)) => Some((stream, client, place)),
        Err(error) => {
            tracing::warn!(%error, "cannot accept an HTTP connection");
            // Out of file descriptors: others must end first.
            tokio::time::sleep(Duration::from_millis(200)).await;
            None
        }
    }
}

async fn serve_connection(
    shared: Arc<Shared>,
    stream: TcpStream,
    client: SocketAddr,
    stop: CancellationToken,
) -> Result<(), hyper::Error> {
    let _ = stream.set_nodelay(true);
    let server = stream.local_addr().ok().and_then(|local| ipv4(local.ip()));
    let outbox = Outbox::default();
    let outlet = match Outlet::new(stream, outbox.clone()) {
        Ok(outlet) => outlet,
        Err(error) => {
            tracing::warn!(%error, %client, "cannot serve an HTTP connection");
            return Ok(());
        }
    };
    let service = service_fn(move |request| {
        let (shared, outbox) = (Arc::clone(&shared), outbox.clone());
        async move { Ok::<_, Infallible>(respond(&shared, &request, ipv4(client.ip()), server, &outbox).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_MAX_LEN)
        // Pieces that stand for a file must come to the outlet as they are.
        .writev(true)
        .serve_connection(TokioIo::new(StallLimited::new(outlet, STALL_TIME)), service);
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => ended,
        // A loader asks again by itself; waiting for its download could last minutes.
        () = stop.cancelled() => Ok(()),
    }
}

fn ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(address) => address.to_ipv4_mapped(),
    }
}

async fn respond(
    shared: &Arc<Shared>,
    request: &Request<Incoming>,
    client: Option<Ipv4Addr>,
    server: Option<Ipv4Addr>,
    outbox: &Outbox,
) -> Response<ContentBody> {
    let head_only = request.method() == Method::HEAD;
    let target = Target::parse(request.uri().path(), request.uri().query());
    let mut mac = client.and_then(|client| shared.learned.mac_of(client));
    let mut response = if !head_only && request.method() != Method::GET {
        let mut refusal = words(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served\n");
        refusal
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        refusal
    } else {
        match target {
            Some(Target::File(name)) => match shared.file(name.clone()).await {
                Ok(file) => {
                    let tag = entity_tag(file.len(), file.modified());
                    part_of(Content::File(file), request, media_type(&name), Some(tag), outbox)
                }
                Err(refusal) => refused(refusal),
            },
            Some(Target::Script {
                mac: asked,
                uuid,
                entry,
            }) => {
                mac = Some(asked);
                if let Some(client) = client {
                    shared.learned.address(client, asked);
                }
                match server {
                    // A token is made for a script that is read, not for a look at its length.
                    Some(_) if head_only => words(StatusCode::METHOD_NOT_ALLOWED, "ask with GET\n"),
                    Some(server) => {
                        let mut facts = shared.learned.facts(asked, server);
                        facts.uuid = uuid.or(facts.uuid);
                        match shared.machine_script(Loader::Ipxe, &facts, client, entry).await {
                            Ok(script) => {
                                let mut script =
                                    part_of(Content::Script(script), request, "text/plain", None, outbox);
                                script
                                    .headers_mut()
                                    .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                                script
                            }
                            Err(refusal) => refused(refusal),
                        }
                    }
                    None => words(StatusCode::NOT_FOUND, "boot scripts are served over IPv4 only\n"),
                }
            }
            Some(Target::Image(asked)) => {
                mac = Some(asked);
                match server {
                    Some(server) => {
                        if let Some(client) = client {
                            shared.learned.address(client, asked);
                        }
                        let facts = shared.learned.facts(asked, server);
                        match shared.machine_image(&facts, client, head_only).await {
                            Ok(image) => part_of(
                                Content::Image(image),
                                request,
                                "application/vnd.efi-img",
                                None,
                                outbox,
                            ),
                            Err(refusal) => refused(refusal),
                        }
                    }
                    None => words(StatusCode::NOT_FOUND, "boot images are served over IPv4 only\n"),
                }
            }
            None => refused(Refusal::NotFound),
        }
    };
    shared.went_on(mac);
    shared.decisions.observe(BootEvent {
        mac,
        address: client,
        happening: Happening::HttpAnswered {
            path: request
                .uri()
                .path()
                .chars()
                .take(200)
                .flat_map(char::escape_debug)
                .collect(),
            status: response.status().as_u16(),
            bytes: if head_only {
                0
            } else {
                response.body().size_hint().lower()
            },
        },
    });
    if head_only {
        *response.body_mut() = ContentBody::empty();
    }
    response
}

/// The part of a content that the request wants.
fn part_of(
    content: Content,
    request: &Request<Incoming>,
    media_type: &'static str,
    tag: Option<String>,
    outbox: &Outbox,
) -> Response<ContentBody> {
    let file_len = content.len();
    let field = |name: header::HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    // A download that was begun with another file must begin anew (RFC 9110 §13.1.5).
    let same_file = field(header::IF_RANGE).is_none_or(|asked| Some(asked) == tag.as_deref());
    let range = field(header::RANGE).filter(|_| same_file && tag.is_some());
    let part = Part::parse(range, file_len);
    let mut builder = Response::builder().header(header::CONTENT_TYPE, media_type);
    if let Some(tag) = tag {
        builder = builder
            .header(header::ETAG, tag)
            .header(header::ACCEPT_RANGES, "bytes");
    }
    builder = match part {
        Part::Whole => builder.status(StatusCode::OK),
        Part::Range { first, last } => builder
            .status(StatusCode::PARTIAL_CONTENT)
            .header(header::CONTENT_RANGE, format!("bytes {first}-{last}/{file_len}")),
        Part::Unsatisfiable => builder
            .status(StatusCode::RANGE_NOT_SATISFIABLE)
            .header(header::CONTENT_RANGE, format!("bytes */{file_len}")),
    };
    let (offset, len) = part.span(file_len).unwrap_or((0, 0));
    // Said here and not left to the body: HEAD must say the same with an empty one.
    builder = builder.header(header::CONTENT_LENGTH, len);
    builder
        .body(ContentBody::part(content, offset, len, outbox))
        .unwrap_or_else(|_| {
            words(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the answer could not be made\n",
            )
        })
}

fn refused(refusal: Refusal) -> Response<ContentBody> {
    match refusal {
        Refusal::NotFound => words(StatusCode::NOT_FOUND, "there is no such boot file\n"),
        Refusal::Failed => words(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the boot service failed; see its log\n",
        ),
    }
}

fn words(status: StatusCode, text: &'static str) -> Response<ContentBody> {
    let content = Content::Script(text.as_bytes().to_vec());
    let mut response = Response::new(ContentBody::part(
        content,
        0,
        text.len() as u64,
        &Outbox::default(),
    ));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    response
}

#[cfg(test)]
mod tests;
