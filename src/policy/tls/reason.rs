//! Why a certificate is not accepted, with the codes of Node.js.

/// Why a certificate is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    SelfSignedLeaf,
    SelfSignedInChain,
    /// Nothing but the server's certificate is known.
    UnknownIssuer,
    /// The server sent intermediate certificates as well.
    UnknownIssuerOfChain,
    /// The chain ends at a trusted certificate that is an intermediate one.
    UnknownIssuerOfTrusted,
    Expired,
    NotYetValid,
    InvalidCa,
    InvalidPurpose,
    PathLength,
    MayNotSign,
    BadSignature,
    ChainTooLong,
    CriticalExtension,
    NameConstraints,
    WeakKey,
    UnknownAlgorithm,
    Malformed,
    OtherHost,
}

impl Reason {
    /// Node's code. `UNSPECIFIED` is Node's code for reasons of OpenSSL's that it has no name for.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SelfSignedLeaf => "DEPTH_ZERO_SELF_SIGNED_CERT",
            Self::SelfSignedInChain => "SELF_SIGNED_CERT_IN_CHAIN",
            Self::UnknownIssuer => "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
            Self::UnknownIssuerOfChain => "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
            Self::UnknownIssuerOfTrusted => "UNABLE_TO_GET_ISSUER_CERT",
            Self::Expired => "CERT_HAS_EXPIRED",
            Self::NotYetValid => "CERT_NOT_YET_VALID",
            Self::InvalidCa => "INVALID_CA",
            Self::InvalidPurpose => "INVALID_PURPOSE",
            Self::PathLength => "PATH_LENGTH_EXCEEDED",
            Self::BadSignature => "CERT_SIGNATURE_FAILURE",
            Self::ChainTooLong => "CERT_CHAIN_TOO_LONG",
            Self::CriticalExtension
            | Self::MayNotSign
            | Self::NameConstraints
            | Self::WeakKey
            | Self::UnknownAlgorithm
            | Self::Malformed => "UNSPECIFIED",
            Self::OtherHost => "ERR_TLS_CERT_ALTNAME_INVALID",
        }
    }

    /// Whether another trusted certificate could make the server acceptable.
    pub const fn is_for_want_of_trust(self) -> bool {
        matches!(
            self,
            Self::SelfSignedLeaf
                | Self::SelfSignedInChain
                | Self::UnknownIssuer
                | Self::UnknownIssuerOfChain
                | Self::UnknownIssuerOfTrusted
        )
    }
}

/// A reason, and the place in the chain of the certificate that it is about: 0 is the server's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    pub reason: Reason,
    pub at: usize,
}
