//! What belongs to one JavaScript environment, the main thread's or a Worker's.

use napi::bindgen_prelude::{FromNapiValue, Function, JsValuesTupleIntoVec, Object, ObjectRef, Unknown};
use napi::{Env, Error};
use napi_derive::napi;
use tokio_util::sync::CancellationToken;

use crate::node::bridge::property;
use crate::node::response::{self, Methods};

/// Kept for the life of the environment.
pub struct Instance {
    pub methods: Methods,
    /// Cancelled with the environment: nobody is left for whom its operations could work.
    pub life: CancellationToken,
    scripts: Option<ObjectRef<false>>,
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.life.cancel();
    }
}

pub fn instance(env: &Env) -> napi::Result<&'static mut Instance> {
    if env.get_instance_data::<Instance>()?.is_none() {
        let instance = Instance { methods: response::methods(env)?, life: CancellationToken::new(), scripts: None };
        env.set_instance_data(instance, (), |_| {})?;
    }
    env.get_instance_data::<Instance>()?.ok_or_else(|| Error::from_reason("the data of the environment was lost"))
}

/// Takes what only JavaScript can do, from `lib/scripts.js`: be a stream, read a stream, extend `Error`.
#[napi(catch_unwind, skip_typescript)]
pub fn install(env: &Env, scripts: Object) -> napi::Result<()> {
    instance(env)?.scripts = Some(scripts.create_ref()?);
    Ok(())
}

/// A function of `lib/scripts.js`.
pub fn script<'env, Args: JsValuesTupleIntoVec>(
    env: &'env Env,
    name: &str,
) -> napi::Result<Function<'env, Args, Unknown<'env>>> {
    let missing = || Error::from_reason("Require this package by its name: its parts in JavaScript are not loaded");
    let scripts = instance(env)?.scripts.as_ref().ok_or_else(missing)?;
    Function::from_unknown(property(&scripts.get_value(env)?, name)?)
}
