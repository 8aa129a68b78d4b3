//! Which certificates a cloud's services may show.
//!
//! In: a cloud, with its `cacert` if it names one. Out: certificates of authorities. Never: a file without any, taken for one.

use std::path::Path;

use ureq::tls::{Certificate, parse_pem};

use super::{Cloud, GlanceError};

/// `cacert`, or what the system trusts.
pub(super) fn roots(cloud: &Cloud) -> Result<Vec<Certificate<'static>>, GlanceError> {
    match &cloud.cacert {
        Some(path) => from_file(path),
        None => {
            let found = rustls_native_certs::load_native_certs();
            Ok(found.certs.iter().map(|cert| Certificate::from_der(cert.as_ref()).to_owned()).collect())
        }
    }
}

fn from_file(path: &Path) -> Result<Vec<Certificate<'static>>, GlanceError> {
    let text =
        dibber_fs::text::bytes(path).map_err(|source| GlanceError::File { path: path.into(), source })?;
    let items = parse_pem(&text).filter_map(|item| match item {
        Ok(ureq::tls::PemItem::Certificate(cert)) => Some(cert),
        _ => None,
    });
    let certificates: Vec<_> = items.collect();
    if certificates.is_empty() {
        let why = "there is no certificate in it; cacert wants PEM, `-----BEGIN CERTIFICATE-----`";
        return Err(GlanceError::Cloud { place: path.display().to_string(), why: why.into() });
    }
    Ok(certificates)
}

/// A handshake's fault comes wrapped, since it happens while bytes are read.
pub(super) fn is_certificate(io: &std::io::Error) -> bool {
    io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).is_some()
}
