//! The matrix of rights, made from the table of routes: every route, every role, inside, outside and above where it is held.

use crate::{
    events::Stream,
    rights::filled,
    site::{Answer, PASSWORD, Site, cookie_of},
};
use axum::{
    body::Body,
    http::{Method, Request, header},
};
use catalog::{Actor, GrantWish, Holder, Permission, PlaceKind, PredefinedRole, ROOT, Rights, Scope};
use control::admin::permission::{Needs, ROUTES, Route, Target};
use protocol::PlaceId;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

/// A place with what is in it.
struct Spot {
    place: String,
    machine: String,
    job: String,
}

/// An organisation with two authorities; in the first a site, in it a room. People hold their roles in the site.
pub struct Map {
    pub site: Site,
    /// Bob's session.
    pub bob: String,
    bob_id: Uuid,
    north: PlaceId,
    inside: Spot,
    outside: Spot,
    above: Spot,
}

impl Map {
    pub async fn new() -> Self {
        let site = Site::new().await;
        let make = |kind, name: &str, parent| {
            let catalog = site.control.catalog();
            let row = catalog.create_place(kind, name, parent, &Actor::default());
            row.unwrap().id
        };
        let authority = make(PlaceKind::Authority, "town", ROOT);
        let north = make(PlaceKind::Site, "north", authority);
        let room = make(PlaceKind::Room, "12", north);
        let elsewhere = make(PlaceKind::Site, "south", authority);
        let spot = async |number: u8, place: PlaceId| {
            let (_, machine) = site.enter(number, true).await;
            let catalog = site.control.catalog();
            let id = machine.parse().unwrap();
            catalog
                .put_machine(id, Some(place), &[], &Actor::default())
                .unwrap();
            let wish = json!({ "machines": [machine], "steps": [{ "kind": "inspect" }] });
            let job = site.post("/api/v1/jobs", wish).await.is(201).json();
            Spot {
                place: place.to_string(),
                machine,
                job: job["job"]["id"].as_str().unwrap().to_owned(),
            }
        };
        let inside = spot(1, room).await;
        let outside = spot(2, elsewhere).await;
        let above = spot(3, authority).await;
        let account = json!({ "name": "bob", "password": PASSWORD });
        let account = site.post("/api/v1/people", account).await.is(201).json();
        let bob_id = account["id"].as_str().unwrap().parse().unwrap();
        let mut map = Self {
            site,
            bob: String::new(),
            bob_id,
            north,
            inside,
            outside,
            above,
        };
        map.bob = map.log_in("bob").await;
        map
    }

    pub async fn log_in(&self, name: &str) -> String {
        let body = json!({ "name": name, "password": PASSWORD });
        let answer = self
            .site
            .call_as(None, Method::POST, "/api/v1/sessions", Some(body))
            .await
            .is(201);
        cookie_of(&answer)
    }

    /// Gives Bob one role and takes all others back.
    fn only(&self, role: PredefinedRole, place: PlaceId) {
        let catalog = self.site.control.catalog();
        let (nobody, all) = (Actor::default(), Rights::everything());
        let bob = Holder::Person(self.bob_id);
        for grant in catalog.grants(&Scope::Everything, Some(bob)).unwrap() {
            catalog
                .take_role(grant.id, &nobody, &all, &Scope::Everything)
                .unwrap();
        }
        let wish = GrantWish {
            holder: bob,
            role: role.id(),
            place,
            expires_at: None,
        };
        catalog.give_role(&wish, &nobody, &all).unwrap();
    }

    async fn as_bob(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.site.call_as(Some(&self.bob), method, path, body).await
    }

    /// Calls a route about what is in a place. Nothing is changed by it: what would be is expected in another state.
    async fn touch(&self, route: &Route, spot: &Spot) -> Answer {
        let id = match route.target() {
            Target::Machine => &spot.machine,
            Target::Job => &spot.job,
            Target::Place => &spot.place,
            Target::Site => {
                return self
                    .as_bob(route.method.clone(), &filled(route.path), Some(json!({})))
                    .await;
            }
        };
        let path = route.path.replace("{id}", id).replace("{machine}", &spot.machine);
        let request = Request::builder()
            .method(route.method.clone())
            .uri(filled(&path))
            .header(header::HOST, "a")
            .header(header::ORIGIN, "https://a")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::IF_MATCH, "\"99\"")
            .header(header::COOKIE, format!("amorce_session={}", self.bob))
            .body(Body::from(r#"{"":0}"#));
        self.site.send_admin(request.unwrap()).await
    }
}

fn code(answer: &Answer) -> String {
    if answer.status.is_success() {
        return "done".into();
    }
    answer.json()["code"].as_str().unwrap_or_default().to_owned()
}

/// Routes after which Bob's session or the objects are no longer there.
fn ends_something(route: &Route) -> bool {
    matches!(route.path, "/session" if route.method == Method::DELETE) || route.path == "/events"
}

#[tokio::test]
async fn every_route_answers_every_role_inside_outside_and_above_where_it_is_held_as_the_table_says() {
    let map = Map::new().await;
    let mut cells = 0;
    for role in PredefinedRole::ALL {
        for held_at in [map.north, ROOT] {
            map.only(role, held_at);
            let holds = |permission: Permission| role.permissions().has(permission);
            for route in ROUTES.iter().filter(|route| !ends_something(route)) {
                for (where_it_is, spot) in [
                    ("inside", &map.inside),
                    ("outside", &map.outside),
                    ("above", &map.above),
                ] {
                    let reached = where_it_is == "inside" || held_at == ROOT;
                    if route.target() == Target::Site && where_it_is != "inside" {
                        continue;
                    }
                    // The bucket of calls fills with time.
                    map.site.clock.advance(Duration::from_millis(50));
                    let answer = map.touch(route, spot).await;
                    let code = code(&answer);
                    let cell = format!(
                        "{} in {}: {} {} {where_it_is}: {code}",
                        role.name(),
                        if held_at == ROOT { "the root" } else { "the site" },
                        route.method,
                        route.path
                    );
                    cells += 1;
                    let see = match route.target() {
                        Target::Machine => Some(Permission::MachineRead),
                        Target::Job => Some(Permission::JobRead),
                        Target::Place => Some(Permission::PlaceRead),
                        Target::Site => None,
                    };
                    let expected: &[&str] = match route.needs {
                        Needs::Nobody | Needs::Anybody | Needs::Person => &["let through"],
                        // What is to be made there may be a group.
                        Needs::May(permission) if route.path == "/places" && holds(permission.of_group()) => {
                            &["let through"]
                        }
                        Needs::May(permission) => match (holds(permission), reached, see) {
                            // Whether it is a place or a group is not told of what is out of reach.
                            (false, false, Some(Permission::PlaceRead)) if holds(permission.of_group()) => {
                                &["not-found"]
                            }
                            (false, ..) => &["not-allowed"],
                            (true, false, Some(_)) => &["not-found"],
                            _ => &["let through"],
                        },
                        Needs::MayEverywhere(permission) => match holds(permission) && held_at == ROOT {
                            true => &["let through"],
                            false => &["not-allowed"],
                        },
                    };
                    match expected {
                        ["let through"] => {
                            assert!(
                                !["not-allowed", "not-logged-in", "beyond-reach"].contains(&code.as_str()),
                                "{cell}"
                            );
                            assert!(!answer.status.is_server_error(), "{cell}");
                            if see.is_some()
                                && route.method == Method::GET
                                && !route.path.ends_with("/evidence")
                            {
                                assert_eq!(code, "done", "{cell}");
                            }
                        }
                        _ => assert_eq!([code.as_str()], expected, "{cell}"),
                    }
                }
            }
        }
    }
    assert!(cells > 1500, "{cells}");
    for spot in [&map.inside, &map.outside, &map.above] {
        let job = map.site.get(&format!("/api/v1/jobs/{}", spot.job)).await.json();
        assert!(job["job"]["id"].is_string());
        map.site
            .get(&format!("/api/v1/machines/{}", spot.machine))
            .await
            .is(200);
    }
}

#[tokio::test]
async fn what_a_body_names_out_of_reach_is_not_there_either() {
    let map = Map::new().await;
    map.only(PredefinedRole::SiteManager, map.north);
    let job = |machines: &[&str]| json!({ "machines": machines, "steps": [{ "kind": "inspect" }] });
    let post = async |path: &str, body: Value| map.as_bob(Method::POST, path, Some(body)).await;
    post("/api/v1/jobs", job(&[&map.inside.machine])).await.is(201);
    for spot in [&map.outside, &map.above] {
        post("/api/v1/jobs", job(&[&map.inside.machine, &spot.machine]))
            .await
            .is_problem(404, "not-found");
        let naming = json!({ "machines": [spot.machine], "pattern": "pc-{n}", "start": 1, "rehearse": true });
        post("/api/v1/machines/names", naming)
            .await
            .is_problem(404, "not-found");
        let merge = format!("/api/v1/machines/{}/merge", map.inside.machine);
        post(&merge, json!({ "other": spot.machine }))
            .await
            .is_problem(404, "not-found");
        let room = json!({ "parent": spot.place, "kind": "room", "name": "13" });
        post("/api/v1/places", room)
            .await
            .is_problem(422, "unusable-value");
        let moved = json!({ "place": spot.place, "groups": [] });
        let path = format!("/api/v1/machines/{}/place", map.inside.machine);
        map.as_bob(Method::PUT, &path, Some(moved))
            .await
            .is_problem(422, "unusable-value");
        let grant =
            json!({ "person": map.bob_id, "role": PredefinedRole::Technician.id(), "place": spot.place });
        post("/api/v1/grants", grant)
            .await
            .is_problem(422, "unusable-value");
    }
    let path = format!("/api/v1/machines/{}/place", map.inside.machine);
    let to_the_root = json!({ "place": null, "groups": [] });
    map.as_bob(Method::PUT, &path, Some(to_the_root))
        .await
        .is_problem(422, "unusable-value");
    let room = json!({ "parent": map.north, "kind": "room", "name": "13" });
    let room = post("/api/v1/places", room).await.is(201).json();
    let moved = json!({ "place": room["id"], "groups": [] });
    map.as_bob(Method::PUT, &path, Some(moved)).await.is(200);
    let grant = |role: PredefinedRole| json!({ "person": map.bob_id, "role": role.id(), "place": map.north });
    post("/api/v1/grants", grant(PredefinedRole::Technician))
        .await
        .is(201);
    post("/api/v1/grants", grant(PredefinedRole::PlatformAdmin))
        .await
        .is_problem(403, "more-than-held");
}

#[tokio::test]
async fn a_job_that_reaches_further_is_seen_in_part_and_changed_by_nobody_who_holds_only_that_part() {
    let map = Map::new().await;
    let wish =
        json!({ "machines": [map.inside.machine, map.outside.machine], "steps": [{ "kind": "inspect" }] });
    let job = map.site.post("/api/v1/jobs", wish).await.is(201).json();
    let path = format!("/api/v1/jobs/{}", job["job"]["id"].as_str().unwrap());
    map.only(PredefinedRole::Technician, map.north);
    let seen = map.as_bob(Method::GET, &path, None).await.is(200).json();
    assert_eq!(
        (
            &seen["job"]["counts"]["total"],
            &seen["machines"][0]["machine"],
            seen["machines"].as_array().unwrap().len()
        ),
        (&json!(1), &json!(map.inside.machine), 1)
    );
    map.as_bob(Method::POST, &format!("{path}/cancel"), Some(json!({})))
        .await
        .is_problem(403, "beyond-reach");
    let theirs = format!("{path}/machines/{}/evidence", map.outside.machine);
    map.as_bob(Method::GET, &theirs, None)
        .await
        .is_problem(404, "not-found");
    let list = map.as_bob(Method::GET, "/api/v1/jobs", None).await.is(200).json();
    assert_eq!(list["total"], 2);
    let machines = map
        .as_bob(Method::GET, "/api/v1/machines", None)
        .await
        .is(200)
        .json();
    assert_eq!(
        (&machines["total"], &machines["items"][0]["id"]),
        (&json!(1), &json!(map.inside.machine))
    );
    let places = map
        .as_bob(Method::GET, "/api/v1/places", None)
        .await
        .is(200)
        .json();
    assert_eq!(places["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_stream_tells_of_what_lies_within_reach_and_ends_with_the_right() {
    let map = Map::new().await;
    map.only(PredefinedRole::Technician, map.north);
    let path = format!("/api/v1/machines/{}", map.inside.machine);
    let rename = json!({ "name": "the last one" });
    map.site.call(Method::PATCH, &path, Some(rename)).await.is(200);
    let mut stream = Stream::open_as(&map.site, &map.bob, Some("0")).await;
    let mut text = String::new();
    while !text.contains("the last one") {
        let told = stream.next().await.unwrap();
        assert_ne!(told.kind, "refusal");
        text.push_str(&told.data.to_string());
    }
    assert!(
        text.contains(&map.inside.machine) && text.contains(&map.inside.job),
        "{text}"
    );
    for hidden in [&map.outside, &map.above] {
        assert!(
            !text.contains(&hidden.machine) && !text.contains(&hidden.job),
            "{text}"
        );
    }
    map.only(PredefinedRole::Signer, map.north);
    let rename = json!({ "name": "another one" });
    map.site.call(Method::PATCH, &path, Some(rename)).await.is(200);
    // Of machines this role hears nothing; of jobs it does.
    let wish = json!({ "machines": [map.inside.machine], "steps": [{ "kind": "inspect" }] });
    map.site.post("/api/v1/jobs", wish).await.is(201);
    let told = stream.next().await.unwrap();
    assert!(told.kind.starts_with("job"), "{told:?}");
}
