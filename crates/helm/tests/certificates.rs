//! What is in the certificates that charts generate: as Go writes them.

use helm::{Chart, File, RenderOptions, Values, render_templates};
use x509_parser::prelude::{FromDer as _, ParsedExtension, X509Certificate};

/// The certificate that an expression returns, as DER.
fn certificate(expression: &str) -> Vec<u8> {
    let file = |name: &str, data: String| File { name: name.to_owned(), data: data.into_bytes() };
    let chart = Chart::from_files(vec![
        file("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n".to_owned()),
        // Small keys would not do for the authority, which is made once here.
        file("templates/a.yaml", format!("{{{{ $ca := genCA \"\" 9 }}}}{{{{ ({expression}).Cert }}}}")),
    ])
    .unwrap();
    let text = render_templates(&chart, Values::new(), RenderOptions::default()).unwrap()["c/templates/a.yaml"].clone();
    let (_, pem) = x509_parser::pem::parse_x509_pem(text.trim().as_bytes()).unwrap();
    pem.contents
}

#[test]
fn certificates_have_the_parts_that_go_gives_them() {
    // Expression; subject; whether the alternative names are critical, where there are any; whether the key has an
    // identifier; whether it is an authority. Source: crypto/x509 of Go, CreateCertificate.
    for (expression, subject, critical, has_identifier, is_authority) in [
        (r#"genCA "" 9"#, "", None, true, true),
        (r#"genCA "ca" 9"#, "CN=ca", None, true, true),
        (r#"genSelfSignedCert "" nil (list "a.b") 9"#, "", Some(true), false, false),
        (r#"genSelfSignedCert "s" (list "10.0.0.1") nil 9"#, "CN=s", Some(false), false, false),
        (r#"genSignedCert "" nil (list "a.b") 9 $ca"#, "", Some(true), false, false),
        (r#"genSignedCert "s" nil (list "a.b") 9 $ca"#, "CN=s", Some(false), false, false),
    ] {
        let der = certificate(expression);
        let (_, found) = X509Certificate::from_der(&der).unwrap();
        assert_eq!(found.subject().to_string(), subject, "{expression}");
        let names = found.subject_alternative_name().unwrap().map(|names| names.critical);
        assert_eq!(names, critical, "{expression}: alternative names");
        let is_identifier =
            |extension: &ParsedExtension<'_>| matches!(extension, ParsedExtension::SubjectKeyIdentifier(_));
        let identified = found.extensions().iter().any(|extension| is_identifier(extension.parsed_extension()));
        assert_eq!(identified, has_identifier, "{expression}: identifier of the key");
        let constraints = found.basic_constraints().unwrap().expect("in each certificate");
        assert_eq!((constraints.critical, constraints.value.ca), (true, is_authority), "{expression}");
    }
}
