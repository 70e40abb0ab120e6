//! The exported functions that read what the process has counted.

use napi::bindgen_prelude::{FromNapiValue, Object, Unknown};
use napi::{Env, JsValue};
use napi_derive::napi;

use crate::base::error::redacted_text;
use crate::metrics::table::{COUNTERS, Entry, HOSTS, SINCE, TIMERS};
use crate::metrics::{json, prometheus, registry::Registry};
use crate::node::environment::instance::instance;
use crate::node::js::arguments::path;
use crate::node::js::error::to_js;
use crate::operation::metrics_file;

/// Returns the numbers of this process since it first used this package, or since `resetMetrics()`:
/// of all threads and Workers together. A call counts when it ends.
///
/// @returns a plain object, fit for JSON. Durations are milliseconds, sizes bytes.
///
/// @example
/// ```js
/// import { getMetrics } from '@socketsecurity/registry/lib/metrics'
///
/// const { requests, downloads } = getMetrics()
/// console.log(`${requests.succeeded} of ${requests.total} requests succeeded`)
/// console.log(`${requests.retries} retries, ${downloads.bytesSaved} bytes not fetched again`)
/// ```
#[napi(catch_unwind, ts_return_type = "Metrics")]
pub fn get_metrics(env: &Env) -> napi::Result<Unknown<'_>> {
    parsed(env, &json::metrics(&Registry::shared().snapshot()))
}

/// The failed calls since this process first used the package, or since `resetMetrics()`, grouped
/// by operation, code, host and status, the most frequent first. At most 199 kinds are listed
/// separately; all others are one, `other`. Messages have no secrets.
///
/// @example
/// ```js
/// import { getErrors } from '@socketsecurity/registry/lib/metrics'
///
/// for (const { code, host, count, message } of getErrors()) {
///   console.error(`${count} times ${code} from ${host}: ${message}`)
/// }
/// ```
#[napi(catch_unwind, ts_return_type = "ErrorMetrics[]")]
pub fn get_errors(env: &Env) -> napi::Result<Unknown<'_>> {
    parsed(env, &json::errors(&Registry::shared().snapshot().errors))
}

/// Starts to count again, for the whole process. Nothing is lost for the file of
/// `SOCKET_METRICS_FILE`. Calls that are under way count when they end.
///
/// @example
/// ```js
/// import { getMetrics, resetMetrics } from '@socketsecurity/registry/lib/metrics'
///
/// resetMetrics()
/// console.log(getMetrics().requests.total) // 0
/// ```
#[napi(catch_unwind)]
pub fn reset_metrics() {
    Registry::shared().reset();
}

/// The numbers of `getMetrics()` and `getErrors()` in the text format of Prometheus, version 0.0.4:
/// `Content-Type: text/plain; version=0.0.4`.
///
/// @example
/// ```js
/// import { createServer } from 'node:http'
/// import { metricsToPrometheus } from '@socketsecurity/registry/lib/metrics'
///
/// const server = createServer((request, response) => {
///   response.setHeader('content-type', 'text/plain; version=0.0.4')
///   response.end(metricsToPrometheus())
/// })
/// server.listen(9464, '127.0.0.1').unref()
/// ```
#[napi(catch_unwind)]
pub fn metrics_to_prometheus() -> String {
    prometheus::text(&Registry::shared().snapshot())
}

/// Appends what has not been written to a file of metrics. For `flushMetrics` of `lib/index.js`.
#[napi(catch_unwind, skip_typescript)]
pub fn append_metrics(env: &Env, file: Unknown) -> napi::Result<bool> {
    metrics_file::flush(&path(env, "file", file)?).map_err(|error| to_js(env, error))
}

/// The sum of a file of metrics. For `lib/metrics-file.js`.
#[napi(catch_unwind, skip_typescript)]
pub fn sum_metrics<'env>(env: &'env Env, file: Unknown<'env>) -> napi::Result<Unknown<'env>> {
    let sum = metrics_file::sum(&path(env, "file", file)?).map_err(|error| to_js(env, error))?;
    let (metrics, errors) = (json::metrics(&sum.snapshot), json::errors(&sum.snapshot.errors));
    let prometheus = serde_json::Value::from(prometheus::text(&sum.snapshot));
    let (lines, broken) = (sum.lines, sum.broken);
    let text = format!(
        "{{\"lines\":{lines},\"broken\":{broken},\"metrics\":{metrics},\"errors\":{errors},\"prometheus\":{prometheus}}}"
    );
    parsed(env, &text)
}

/// The names of all numbers, for the documentation and its test.
#[napi(catch_unwind, skip_typescript)]
pub fn metrics_table(env: &Env) -> napi::Result<Unknown<'_>> {
    let row = |entry: &Entry| {
        let Entry { path, family, label, unit, help } = entry;
        serde_json::json!({ "path": path, "family": family, "label": label, "unit": unit, "help": help })
    };
    let rows: Vec<_> = [&SINCE].into_iter().chain(COUNTERS).chain(TIMERS).chain(HOSTS).map(row).collect();
    parsed(env, &serde_json::Value::from(rows).to_string())
}

/// A URL as it may be shown. For the channels of `lib/index.js`.
#[napi(catch_unwind, skip_typescript)]
pub fn shown_url(text: String) -> String {
    redacted_text(&text)
}

fn parsed<'env>(env: &'env Env, text: &str) -> napi::Result<Unknown<'env>> {
    let parsed = instance(env)?.methods.parser.parse(env, env.create_string(text)?)?;
    // An object of this callback, whatever it was read from.
    Object::from_unknown(parsed).map(|object| object.to_unknown())
}
