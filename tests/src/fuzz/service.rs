//! The configuration of `unmask-edge run`.

use unmask_edge::service::ServiceConfig;
use unmask_shared::settings::{SettingLayers, SettingsError};

use super::settings::assert_prints;
use super::{Parser, Reached};

/// A configuration file.
#[derive(Debug)]
pub struct ServiceToml;

const EXAMPLES: [&str; 4] = [
    "every = 3\nrealtime = true\n",
    "[verdict]\nfalse_alarm = 0.01\nframes_min = 5\nhold_ms = 900\n",
    "[log]\nfolder = \"events\"\nsync = \"5s\"\nstills = 9\nrequired = false\n",
    "source = \"synthetic:7\"\nformat = \"jsonl\"\n[model]\ntrusted_keys = [\"a\", \"b\"]\n",
];

impl Parser for ServiceToml {
    fn name(&self) -> &'static str {
        "service_toml"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        EXAMPLES.map(|text| text.as_bytes().to_vec()).into()
    }

    fn words(&self) -> &'static [&'static [u8]] {
        &[
            b"[capture]\n",
            b"[[capture.cameras]]\n",
            b"[alarm]\n",
            b"[serial]\n",
            b"[log]\n",
            b"= nan\n",
            b"= -1\n",
            b"= 99999999999\n",
            b"= []\n",
            b"= {}\n",
            b"= \"\"\n",
            b"[[[[",
            b"a.b.c.d",
            b"0x",
            b"#",
        ]
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        let text = String::from_utf8_lossy(bytes);
        match SettingLayers::<ServiceConfig>::new()
            .text("a file", &text)
            .build()
        {
            Ok(settings) => {
                // What is out of range is told, or is none.
                let _either = settings.value.check();
                assert_prints(&settings.value, settings.print());
                Reached::Accepted
            }
            Err(SettingsError::Layer(..)) => Reached::Refused,
            Err(SettingsError::Unknown(..) | SettingsError::Wrong(..)) => Reached::Within,
            Err(error @ SettingsError::NoForm(_)) => panic!("{error}"),
        }
    }
}
