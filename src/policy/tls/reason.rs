//! Reasons for which a certificate is not accepted, with the codes of Node.js.

/// The reason for which a certificate is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    SelfSignedLeaf,
    SelfSignedInChain,
    /// The issuer of the server's certificate, the only known one, is unknown.
    UnknownIssuer,
    /// The issuer of the last of several certificates is unknown.
    UnknownIssuerOfChain,
    /// The chain ends at a trusted intermediate certificate, whose issuer is unknown.
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
    /// The key of the issuer is of a kind that cannot be used to verify.
    UnknownKey,
    Malformed,
    OtherHost,
}

impl Reason {
    /// Returns Node's code. `UNSPECIFIED` is its code for reasons of OpenSSL without a name.
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
            | Self::UnknownKey
            | Self::Malformed => "UNSPECIFIED",
            Self::OtherHost => "ERR_TLS_CERT_ALTNAME_INVALID",
        }
    }

    /// Whether the server would be accepted if a certificate of its chain were trusted.
    pub const fn is_untrusted(self) -> bool {
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

/// A reason, and the position in the chain of its certificate. 0 is the server's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    pub reason: Reason,
    pub at: usize,
}
