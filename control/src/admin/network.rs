//! What the appliance gives on its networks.

use super::{document::tag, guard::By};
use crate::{
    extract::JsonBody,
    refusal::Refusal,
    state::Control,
    view::{AddressLeases, AddressPools, NetBootImages},
};
use axum::{Json, extract::State};

/// Where the site lets the appliance give addresses.
#[utoipa::path(get, path = "/address-pools", tag = tag::SITE, responses((status = 200, body = AddressPools)))]
pub(super) async fn get_address_pools(State(control): State<Control>) -> Result<Json<AddressPools>, Refusal> {
    let pools = control
        .blocking(|control| control.catalog().address_pools())
        .await?;
    Ok(Json(AddressPools {
        items: pools.into_iter().map(Into::into).collect(),
    }))
}

/// Changes that; it counts from the appliance's next start.
#[utoipa::path(put, path = "/address-pools", tag = tag::SITE, request_body = AddressPools,
    responses((status = 200, body = AddressPools)))]
pub(super) async fn put_address_pools(
    State(control): State<Control>,
    by: By,
    JsonBody(pools): JsonBody<AddressPools>,
) -> Result<Json<AddressPools>, Refusal> {
    let stored = pools.clone();
    control
        .blocking(move |control| {
            let pools: Vec<catalog::AddressPool> = pools.items.into_iter().map(Into::into).collect();
            control
                .appliance()
                .check_address_pools(&pools)
                .map_err(|why| Refusal::unusable(why, "look at the network's addresses, then try again"))?;
            control
                .catalog()
                .put_address_pools(&pools, &by.actor)
                .map_err(Refusal::from)
        })
        .await?;
    Ok(Json(stored))
}

/// The addresses that the appliance gave.
#[utoipa::path(get, path = "/address-leases", tag = tag::SITE, responses((status = 200, body = AddressLeases)))]
pub(super) async fn list_address_leases(
    State(control): State<Control>,
) -> Result<Json<AddressLeases>, Refusal> {
    let leases = control
        .blocking(|control| control.catalog().address_leases())
        .await?;
    Ok(Json(AddressLeases {
        items: leases.into_iter().map(Into::into).collect(),
    }))
}

/// The NetBoot images, with those that cannot be served and why.
#[utoipa::path(get, path = "/netboot-images", tag = tag::SITE, responses((status = 200, body = NetBootImages)))]
pub(super) async fn list_netboot_images(
    State(control): State<Control>,
) -> Result<Json<NetBootImages>, Refusal> {
    let images = control
        .blocking(|control| Ok::<_, Refusal>(control.appliance().netboot_images()))
        .await?;
    Ok(Json(images))
}
