//! The state of one JavaScript environment: the main thread's, or a Worker's.

use std::cell::OnceCell;
use std::sync::atomic::{AtomicU64, Ordering};

use napi::bindgen_prelude::{
    FnArgs, FromNapiValue, Function, FunctionRef, JsObjectValue, JsValuesTupleIntoVec, Object, ObjectRef, Unknown,
};
use napi::{Env, Error, JsValue, ValueType};
use napi_derive::napi;
use tokio_util::sync::CancellationToken;

use crate::node::environment::methods::{self, Methods};
use crate::node::environment::observer_functions::ObserverFunctions;
use crate::node::environment::queue::CompletionQueue;
use crate::node::environment::variables::{Environment, VARIABLES};
use crate::node::js::value::{Handle, property};

/// The state of one environment, which lives as long as the environment.
pub struct Instance {
    /// Tells environments apart: no two of a process have the same.
    pub id: u64,
    pub completions: CompletionQueue,
    pub methods: Methods,
    /// Cancelled with the environment: nobody needs the results of its operations any more.
    pub life: CancellationToken,
    /// The variables as last read.
    pub environment: Environment,
    /// Loaded by the first call that is observed.
    pub observer_functions: OnceCell<ObserverFunctions>,
    support: Option<Support>,
}

/// The functions of `lib/js-support.js`: things that only JavaScript can do.
struct Support {
    all: ObjectRef<false>,
    /// Called by every request, therefore not looked up by name.
    read_environment: ReadEnvironment,
    /// Called for every object of options.
    without_plain: FunctionRef<Unknown<'static>, Unknown<'static>>,
    /// Called for every other response.
    complete_response: FunctionRef<Timed, Unknown<'static>>,
    /// Called for every result of a download, and every response whose body is streamed.
    set_timings: FunctionRef<Timed, Unknown<'static>>,
}

/// Returns the values of [`VARIABLES`] if they have changed, and behind them whether anybody
/// observes calls. Otherwise `true` if somebody does, and `undefined` if not.
type ReadEnvironment = FunctionRef<(), Unknown<'static>>;
/// An object, and its `dns`, `connect`, `firstByte` and `total` in milliseconds, where NaN is
/// unknown.
type Timed = FnArgs<(Unknown<'static>, f64, f64, f64, f64)>;

impl Instance {
    fn read_environment(&self, env: &Env) -> napi::Result<Unknown<'_>> {
        self.support()?.read_environment.borrow_back(env)?.call(())
    }

    /// Gives an object its `timings`, whose parts are those of [`Timed`].
    pub fn set_timings(&self, env: &Env, object: Handle, parts: [f64; 4]) -> napi::Result<()> {
        self.support()?.set_timings.borrow_back(env)?.call(timed(env, object, parts)).map(drop)
    }

    /// Gives a response its `timings`, and a `rawResponse` that is created when it is looked at.
    pub fn complete_response(&self, env: &Env, response: Handle, parts: [f64; 4]) -> napi::Result<()> {
        self.support()?.complete_response.borrow_back(env)?.call(timed(env, response, parts)).map(drop)
    }

    /// The object without properties of `Object.prototype`.
    pub fn without_plain<'env>(&self, env: &'env Env, object: Unknown<'env>) -> napi::Result<Unknown<'env>> {
        let without_plain = self.support()?.without_plain.borrow_back(env)?;
        // SAFETY: the value belongs to this callback, and the function returns before it ends.
        let view = without_plain.call(unsafe { Unknown::from_raw_unchecked(env.raw(), object.raw()) })?;
        Ok(if view.get_type()? == ValueType::Undefined { object } else { view })
    }

    fn support(&self) -> napi::Result<&Support> {
        let missing = || Error::from_reason("Require this package by its name: its parts in JavaScript are not loaded");
        self.support.as_ref().ok_or_else(missing)
    }
}

fn timed(env: &Env, object: Handle, [dns, connect, first_byte, total]: [f64; 4]) -> Timed {
    // SAFETY: the value belongs to this callback, and the function that gets it returns before the
    // callback ends.
    let object = unsafe { Unknown::from_raw_unchecked(env.raw(), object) };
    FnArgs::from((object, dns, connect, first_byte, total))
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.life.cancel();
        self.completions.slot.end();
    }
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

pub fn instance(env: &Env) -> napi::Result<&'static mut Instance> {
    // One lookup if it exists: each request needs it several times.
    if let Some(instance) = env.get_instance_data::<Instance>()? {
        return Ok(instance);
    }
    let instance = Instance {
        id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
        completions: CompletionQueue::new(env)?,
        methods: methods::methods(env)?,
        life: CancellationToken::new(),
        environment: Environment::default(),
        observer_functions: OnceCell::new(),
        support: None,
    };
    env.set_instance_data(instance, (), |_| {})?;
    env.get_instance_data::<Instance>()?.ok_or_else(|| Error::from_reason("the data of the environment was lost"))
}

/// Registers the functions of `lib/js-support.js`: streams, readers of streams, a class that
/// extends `Error`.
#[napi(catch_unwind, skip_typescript)]
pub fn register(env: &Env, support: Object) -> napi::Result<()> {
    let reader_of: Function<Vec<&str>, Function<(), Unknown>> = support.get_named_property("environmentReader")?;
    let read_environment = reader_of.call(VARIABLES.to_vec())?.create_ref()?;
    let without_plain: Function<Unknown<'static>, Unknown<'static>> = support.get_named_property("withoutPlain")?;
    let without_plain = without_plain.create_ref()?;
    let complete_response: Function<Timed, Unknown<'static>> = support.get_named_property("completeResponse")?;
    let complete_response = complete_response.create_ref()?;
    let set_timings: Function<Timed, Unknown<'static>> = support.get_named_property("setTimings")?;
    let set_timings = set_timings.create_ref()?;
    let all = support.create_ref()?;
    instance(env)?.support = Some(Support { all, read_environment, without_plain, complete_response, set_timings });
    Ok(())
}

/// A function of `lib/js-support.js`.
pub fn js_function<'env, Args: JsValuesTupleIntoVec>(
    env: &'env Env,
    name: &str,
) -> napi::Result<Function<'env, Args, Unknown<'env>>> {
    Function::from_unknown(property(&instance(env)?.support()?.all.get_value(env)?, name)?)
}

/// The environment of the calling JavaScript, as it is now.
pub fn environment(env: &Env) -> napi::Result<Environment> {
    let instance = instance(env)?;
    let read = instance.read_environment(env)?;
    let is_observed = match read.get_type()? {
        ValueType::Undefined => false,
        ValueType::Boolean => true,
        _ => {
            let mut values = Vec::<Unknown>::from_unknown(read)?;
            let is_observed = values.pop().ok_or_else(|| Error::from_reason("no variables were read"))?;
            instance.environment = Environment::new(env, values)?;
            bool::from_unknown(is_observed)?
        }
    };
    instance.environment.is_observed = is_observed;
    Ok(instance.environment.clone())
}
