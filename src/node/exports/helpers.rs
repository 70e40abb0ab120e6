//! The exported helpers, by the modules of `lib/http-request`: checksum files, header fields, error
//! messages, responses of `node:http`, user agents.

mod checksum_file;
mod errors;
mod headers;
mod response_reader;
mod user_agent;
