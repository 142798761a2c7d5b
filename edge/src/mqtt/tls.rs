//! An encrypted connection to the broker: TLS 1.2 or 1.3.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rumqttc::{ConnectionError, StateError, TlsError, mqttbytes};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, ClientConfig, Error, RootCertStore,
};

use super::{MqttConfig, MqttError};
use crate::secret::{Secret, read_small};

/// Most bytes of a file with certificates; a whole system's bundle has a quarter.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// How to encrypt, where a `ca_file` says whom to believe.
pub(super) fn client(config: &MqttConfig) -> Result<Option<Arc<ClientConfig>>, MqttError> {
    let Some(ca) = &config.ca_file else {
        return Ok(None);
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates("mqtt.ca_file", ca)? {
        let added = roots.add(certificate);
        added.map_err(|error| wrong("mqtt.ca_file", ca, error.to_string()))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong("mqtt.ca_file", ca, error.to_string()))?
        .with_root_certificates(roots);
    let client = match (&config.certificate_file, &config.key_file) {
        (Some(certificate), Some(key)) => builder
            .with_client_auth_cert(
                certificates("mqtt.certificate_file", certificate)?,
                private_key(key)?,
            )
            .map_err(|error| wrong("mqtt.key_file", key, mismatch(error)))?,
        _ => builder.with_no_client_auth(),
    };
    Ok(Some(Arc::new(client)))
}

fn mismatch(error: Error) -> String {
    match error {
        Error::InconsistentKeys(_) => "it does not belong to mqtt.certificate_file".into(),
        other => other.to_string(),
    }
}

fn wrong(key: &'static str, path: &Path, what: String) -> MqttError {
    let cause = io::Error::new(io::ErrorKind::InvalidData, what);
    file_error(key, path)(cause)
}

fn file_error(key: &'static str, path: &Path) -> impl FnOnce(io::Error) -> MqttError {
    let path = path.display().to_string();
    move |cause| MqttError::File { key, path, cause }
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, MqttError> {
    let text = read_small(path, FILE_BYTES_MAX).map_err(file_error(key, path))?;
    let found: Result<Vec<_>, pem::Error> =
        CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match found {
        Ok(found) if found.is_empty() => {
            let what = "it holds no certificate; wanted is PEM, which begins with -----BEGIN CERTIFICATE-----";
            Err(wrong(key, path, what.into()))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(wrong(key, path, error.to_string())),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, MqttError> {
    let key = "mqtt.key_file";
    let text = Secret::read(path, FILE_BYTES_MAX).map_err(file_error(key, path))?;
    let text = text.expose();
    if text.contains("-----BEGIN ENCRYPTED") || text.contains("Proc-Type: 4,ENCRYPTED") {
        let what = "it has a passphrase, which nobody is there to type; take it off: openssl pkey -in KEY -out NEW";
        return Err(wrong(key, path, what.into()));
    }
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| match error {
        pem::Error::NoItemsFound => wrong(
            key,
            path,
            "it holds no private key; wanted is PEM, which begins with -----BEGIN PRIVATE KEY-----"
                .into(),
        ),
        other => wrong(key, path, other.to_string()),
    })
}

/// Why a connection ended, with what to do where TLS is the cause.
pub(super) fn reason(error: &ConnectionError) -> String {
    let remedy = match cause(error) {
        Some(error) => remedy(error),
        None => None,
    };
    match remedy {
        Some(remedy) => format!("{error}: {remedy}"),
        None => error.to_string(),
    }
}

fn cause(error: &ConnectionError) -> Option<&Error> {
    let io = match error {
        ConnectionError::Tls(TlsError::TLS(error)) => return Some(error),
        ConnectionError::Tls(TlsError::Io(error))
        | ConnectionError::Io(error)
        | ConnectionError::MqttState(
            StateError::Io(error) | StateError::Deserialization(mqttbytes::Error::Io(error)),
        ) => error,
        _ => return None,
    };
    io.get_ref()?.downcast_ref()
}

fn remedy(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the broker's certificate is for another name than mqtt.host",
        Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => "renew the broker's certificate, or put this machine's clock right",
        Error::InvalidCertificate(_) => {
            "no authority in mqtt.ca_file stands for the broker's certificate"
        }
        Error::InvalidMessage(_) => {
            "nobody speaks TLS at this port: is it that of plain connections? TLS usually has 8883"
        }
        Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::AccessDenied,
        ) => {
            "the broker refuses this device's certificate: see mqtt.certificate_file and mqtt.key_file"
        }
        Error::AlertReceived(AlertDescription::HandshakeFailure) => {
            "nothing is spoken by both sides: does the broker want a certificate (mqtt.certificate_file), or is its TLS older than 1.2?"
        }
        _ => return None,
    })
}
