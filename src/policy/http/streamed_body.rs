//! A streamed body can be sent only once, so it excludes retries.

use crate::base::error::{Error, Kind, Result};

/// The retries of a request: those of the call, else `own` of its client.
///
/// With a streamed body the client's retries do not apply, and retries of the call are an error:
/// only a caller who asks for them has to know that they are not possible.
pub fn retries(own: u32, given: Option<u32>, is_streamed: bool) -> Result<u32> {
    match (is_streamed, given) {
        (false, given) => Ok(given.unwrap_or(own)),
        (true, None | Some(0)) => Ok(0),
        (true, Some(retries)) => {
            let message = format!(
                "Streaming body (a Readable) cannot be used with retries ({retries}): it cannot be read twice. Pass a Buffer, or retries: 0"
            );
            Err(Error::new(Kind::ArgumentValue, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_body_is_retried_as_the_call_says_or_else_its_client() {
        assert_eq!(retries(3, None, false).unwrap(), 3);
        assert_eq!(retries(3, Some(5), false).unwrap(), 5);
        assert_eq!(retries(3, Some(0), false).unwrap(), 0);
    }

    #[test]
    fn a_streamed_body_is_sent_once_and_refuses_retries_of_the_call() {
        assert_eq!(retries(3, None, true).unwrap(), 0);
        assert_eq!(retries(3, Some(0), true).unwrap(), 0);
        let error = retries(0, Some(2), true).unwrap_err();
        assert_eq!(error.kind(), Kind::ArgumentValue);
        assert!(error.to_string().contains("cannot be used with retries (2)"), "{error}");
    }
}
