//! `docs/service-keys.md` lists every key of the service.

#[path = "../../tests/src/keys.rs"]
mod keys;

use unmask_edge::service::ServiceConfig;
use unmask_shared::settings::Layers;

const HEAD: &str = "# Keys of the service\n\
    \n\
    Every key of `unmask-edge run`, as `--print-config` shows it, with its default. Files (`--config`), then environment variables \
    (`UNMASK_EDGE__ALARM__LINE=17`), then `--set alarm.line=17` and flags override the defaults ([service](service.md)). \
    This page is written by a test from the code.\n";

#[test]
fn every_key_of_the_service_stands_in_a_document() {
    let settings = Layers::<ServiceConfig>::new().build().unwrap();
    let sources = ["edge/src", "shared/src"];
    keys::hold(
        "service-keys.md",
        HEAD,
        "ServiceConfig",
        settings.print(),
        &sources,
    );
}
