//! What the service answers to each call.

use framework::value::{Type, Value};
use framework::wire::proto::tfplugin6 as wire;
use framework::wire::proto::tfplugin6::invoke_action::event::Type as Kind;
use libtest_mimic::Trial;

use crate::client::{Outcome, apply, dynamic, ensure, read, same, soon, start, thing};
use crate::sample::SECRET;
use crate::trials;

/// Every test.
pub fn all() -> Vec<Trial> {
    trials![
        the_line_and_the_schema,
        a_plan_and_its_apply,
        what_is_wrong_is_a_diagnostic,
        a_panic_is_a_diagnostic_and_the_process_lives,
        stopping_reaches_the_work,
        lists_and_actions,
        functions,
        ephemerals,
        what_is_too_early_is_deferred_only_where_that_is_allowed,
        imports_and_states,
        state_stores_are_unimplemented,
        large_messages,
    ]
}

async fn the_line_and_the_schema() -> Outcome {
    let plugin = start(&[("PLUGIN_MULTIPLEX_GRPC", "true")]).await?;
    ensure(plugin.line.ends_with("|false\n"), || plugin.line.clone())?;
    let mut client = plugin.provider().await?;
    let schema = client.get_provider_schema(wire::get_provider_schema::Request {}).await?.into_inner();
    let attributes = schema.resource_schemas["sample_thing"].block.clone().ok_or("no block")?.attributes;
    let types: Vec<_> =
        attributes.iter().map(|it| (it.name.as_str(), String::from_utf8_lossy(&it.r#type).into_owned())).collect();
    same(types[0].clone(), ("id", r#""string""#.to_owned()))?;
    same(types[4].clone(), ("tags", r#"["set","string"]"#.to_owned()))?;
    let capabilities = schema.server_capabilities.ok_or("no capabilities")?;
    ensure(capabilities.plan_destroy && capabilities.generate_resource_config, || format!("{capabilities:?}"))?;
    let names = client.get_metadata(wire::get_metadata::Request {}).await?.into_inner();
    same(names.actions[0].type_name.as_str(), "sample_thing")?;
    same(names.functions[0].name.as_str(), "echo")?;
    let functions = client.get_functions(wire::get_functions::Request {}).await?.into_inner();
    same(functions.functions, schema.functions)?;
    let identities =
        client.get_resource_identity_schemas(wire::get_resource_identity_schemas::Request {}).await?.into_inner();
    ensure(identities.identity_schemas["sample_thing"].identity_attributes[0].required_for_import, || {
        format!("{identities:?}")
    })
}

async fn a_plan_and_its_apply() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let config = Value::map([("name", Value::from("one")), ("size", Value::Number("0.1".parse()?))]);
    let request = wire::plan_resource_change::Request {
        type_name: "sample_thing".to_owned(),
        prior_state: dynamic(&Value::Null, &thing()),
        proposed_new_state: dynamic(&config, &thing()),
        config: dynamic(&config, &thing()),
        ..Default::default()
    };
    let plan = client.plan_resource_change(request).await?.into_inner();
    let planned = read(plan.planned_state, &thing())?;
    same(planned.attribute("id"), Some(&Value::unknown()))?;
    same(plan.planned_identity, None)?;

    let applied = apply(&mut client, "").await?;
    let state = read(applied.new_state.clone(), &thing())?;
    same(state.attribute("id"), Some(&Value::from("id-one")))?;
    same(state.attribute("size"), Some(&Value::Number("0.1".parse()?)))?;
    same(applied.private.as_slice(), b"kept")?;
    let identity = applied.new_identity.and_then(|identity| identity.identity_data);
    same(read(identity, &Type::object([("id", Type::String)]))?, Value::map([("id", Value::from("id-one"))]))?;

    let request = wire::read_resource::Request {
        type_name: "sample_thing".to_owned(),
        current_state: applied.new_state.clone(),
        private: applied.private,
        ..Default::default()
    };
    let refreshed = client.read_resource(request).await?.into_inner();
    same(refreshed.new_state, applied.new_state)
}

async fn what_is_wrong_is_a_diagnostic() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let sent = |msgpack: &[u8]| Some(wire::DynamicValue { msgpack: msgpack.into(), json: Vec::new() });
    let long = dynamic(&Value::map([("name", Value::from("x".repeat(21)))]), &thing());
    for (type_name, config, summary, detail) in [
        ("sample_other", sent(b"\xc0"), "Unknown type", "`sample_other`"),
        ("sample_thing", sent(b"\x81\xa1z\xc0"), "Could not read a value from Terraform", "no attribute `z`"),
        ("sample_thing", sent(b"\xc1\xff\x00garbage"), "Could not read a value from Terraform", "an object"),
        ("sample_thing", long, "Name is too long", "Shorten"),
    ] {
        let request = wire::validate_resource_config::Request {
            type_name: type_name.to_owned(),
            config,
            client_capabilities: None,
        };
        let answer = client.validate_resource_config(request).await?.into_inner();
        let [diagnostic] = answer.diagnostics.as_slice() else { return Err(format!("{answer:?}").into()) };
        same(diagnostic.summary.as_str(), summary)?;
        ensure(diagnostic.detail.contains(detail), || diagnostic.detail.clone())?;
        let at_name = wire::attribute_path::step::Selector::AttributeName("name".to_owned());
        let step = diagnostic.attribute.as_ref().and_then(|path| path.steps.first()?.selector.clone());
        same(step, (summary == "Name is too long").then_some(at_name))?;
    }
    Ok(())
}

async fn a_panic_is_a_diagnostic_and_the_process_lives() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let answer = apply(&mut client, "panic").await?;
    let [diagnostic] = answer.diagnostics.as_slice() else { return Err(format!("{answer:?}").into()) };
    ensure(diagnostic.detail.contains("ApplyResourceChange for `sample_thing`"), || diagnostic.detail.clone())?;
    ensure(diagnostic.detail.contains("the thing broke with [sensitive]"), || diagnostic.detail.clone())?;
    same(apply(&mut client, "").await?.diagnostics, Vec::new())?;
    plugin.shutdown().await?;
    let ended = plugin.ended().await?;
    ensure(ended.status.success(), || ended.status.to_string())?;
    let first = ended.stderr.lines().next().unwrap_or_default();
    same(first, "panic: the thing broke with [sensitive]")?;
    ensure(ended.stderr.contains("sample.rs:"), || ended.stderr.clone())?;
    ensure(!ended.stderr.contains(SECRET), || "the secret is in the log".to_owned())
}

async fn stopping_reaches_the_work() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let mut waiting = client.clone();
    let work = tokio::spawn(async move { apply(&mut waiting, "wait").await });
    // There is no telling from outside when the work has begun, so it is asked to stop until it has.
    let answer = soon("stopping", async {
        while !work.is_finished() {
            client.stop_provider(wire::stop_provider::Request {}).await?;
        }
        work.await?
    })
    .await??;
    let [diagnostic] = answer.diagnostics.as_slice() else { return Err(format!("{answer:?}").into()) };
    same(diagnostic.detail.as_str(), "Asked to stop, not told [sensitive].")?;
    same(read(answer.new_state, &thing())?, Value::Null)?;
    // A debugged process serves the next run too.
    same(apply(&mut client, "").await?.diagnostics, Vec::new())
}

async fn lists_and_actions() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let by_name = Type::object([("name", Type::String)]);
    let config = |name: &str| dynamic(&Value::map([("name", Value::from(name))]), &by_name);
    let list = |name: &str, limit| wire::list_resource::Request {
        type_name: "sample_thing".to_owned(),
        config: config(name),
        include_resource_object: true,
        limit,
    };
    for (name, last) in [("all", None), ("warn", Some("Incomplete")), ("panic", Some("Provider bug"))] {
        let mut stream = client.list_resource(list(name, 200)).await?.into_inner();
        let mut events = Vec::new();
        while let Some(event) = soon("an event", stream.message()).await?? {
            events.push(event);
        }
        let told = events.pop_if(|event| event.identity.is_none());
        same(events.len(), 200)?;
        same(events[199].display_name.as_str(), "number 200")?;
        let state = read(events[0].resource_object.clone(), &thing())?;
        same(state.attribute("id"), Some(&Value::from("id-1")))?;
        same(told.map(|event| event.diagnostic[0].summary.clone()).as_deref(), last)?;
    }
    // A host that has enough goes away; the provider goes on with the next call.
    drop(client.list_resource(list("all", i64::MAX)).await?);

    for (action, name, diagnostics, steps) in [
        ("sample_thing", "it", 0, &["one of it", "two of it"][..]),
        ("sample_thing", "panic", 1, &["one of panic", "two of panic"]),
        ("sample_other", "it", 1, &[]),
    ] {
        let request = wire::invoke_action::Request {
            action_type: action.to_owned(),
            config: config(name),
            client_capabilities: None,
        };
        let mut stream = client.invoke_action(request).await?.into_inner();
        let mut progress = Vec::new();
        let completed = loop {
            match soon("an event", stream.message()).await??.and_then(|event| event.r#type) {
                Some(Kind::Progress(event)) => progress.push(event.message),
                Some(Kind::Completed(event)) => break event,
                None => return Err("the stream ends without completion".into()),
            }
        };
        same(completed.diagnostics.len(), diagnostics)?;
        same(progress, steps.iter().map(ToString::to_string).collect())?;
        same(stream.message().await?.is_none(), true)?;
    }
    Ok(())
}

async fn functions() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let own = |ty: Type, value: Value| Value::Dynamic(Box::new((ty, value)));
    let text = |text: &str| own(Type::String, Value::from(text));
    let call = |name: &str, arguments: &[Value]| wire::call_function::Request {
        name: name.to_owned(),
        arguments: arguments.iter().filter_map(|value| dynamic(value, &Type::Dynamic)).collect(),
    };
    for value in [text("x"), Value::Null, own(Type::list(Type::Bool), Value::List(vec![Value::from(true)]))] {
        let answer = client.call_function(call("echo", std::slice::from_ref(&value))).await?.into_inner();
        same(read(answer.result, &Type::Dynamic)?, value)?;
    }
    for (name, arguments, told, argument) in [
        ("echo", &[text("refuse")][..], "refused, not told [sensitive]", Some(0)),
        ("echo", &[], "0 arguments", None),
        ("echo", &[text("a"), text("b")], "2 arguments", None),
        ("other", &[text("a")], "no function `other`", None),
    ] {
        let error = client.call_function(call(name, arguments)).await?.into_inner().error.ok_or("no error")?;
        ensure(error.text.contains(told), || error.text.clone())?;
        same(error.function_argument, argument)?;
    }
    Ok(())
}

async fn ephemerals() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let ty = Type::object([("name", Type::String), ("token", Type::String)]);
    let request = wire::open_ephemeral_resource::Request {
        type_name: "sample_thing".to_owned(),
        config: dynamic(&Value::map([("name", Value::from("x"))]), &ty),
        client_capabilities: None,
    };
    let opened = client.open_ephemeral_resource(request).await?.into_inner();
    same(read(opened.result, &ty)?.attribute("token"), Some(&Value::from("token-x")))?;
    same(opened.renew_at.map(|time| time.seconds), Some(1_767_323_045))?;
    let request =
        wire::renew_ephemeral_resource::Request { type_name: "sample_thing".to_owned(), private: opened.private };
    let renewed = client.renew_ephemeral_resource(request).await?.into_inner();
    same((renewed.renew_at, renewed.private.as_deref()), (None, Some(&b"opened"[..])))?;
    let request =
        wire::close_ephemeral_resource::Request { type_name: "sample_thing".to_owned(), private: renewed.private };
    same(client.close_ephemeral_resource(request).await?.into_inner().diagnostics, Vec::new())
}

async fn what_is_too_early_is_deferred_only_where_that_is_allowed() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let object = Value::map([("name", Value::from("one")), ("mode", Value::from("too early"))]);
    let named = |result: &str, ty: Type| Type::object([("name", Type::String), (result, ty)]);
    let (found, opened) = (named("length", Type::Number), named("token", Type::String));
    let config = Value::map([("name", Value::from("too early"))]);
    let action = Type::object([("name", Type::String)]);
    let reason = wire::deferred::Reason::ProviderConfigUnknown;
    for deferral_allowed in [false, true] {
        let client_capabilities = Some(wire::ClientCapabilities { deferral_allowed, ..Default::default() });
        let kind = "sample_thing".to_owned();
        let right = |what: &str, deferred: Option<wire::Deferred>, diagnostics: &[wire::Diagnostic]| {
            let summaries: Vec<_> = diagnostics.iter().map(|it| it.summary.as_str()).collect();
            let (expected, errors) = if deferral_allowed { (Some(reason), vec![]) } else { (None, vec!["Too early"]) };
            same((what, deferred.map(|it| it.reason()), summaries), (what, expected, errors))
        };
        let request = wire::plan_resource_change::Request {
            type_name: kind.clone(),
            prior_state: dynamic(&Value::Null, &thing()),
            proposed_new_state: dynamic(&object, &thing()),
            config: dynamic(&object, &thing()),
            client_capabilities,
            ..Default::default()
        };
        let answer = client.plan_resource_change(request).await?.into_inner();
        right("plan", answer.deferred, &answer.diagnostics)?;
        same(read(answer.planned_state, &thing())?.attribute("id"), Some(&Value::unknown()))?;

        let request = wire::read_resource::Request {
            type_name: kind.clone(),
            current_state: dynamic(&object, &thing()),
            client_capabilities,
            ..Default::default()
        };
        let answer = client.read_resource(request).await?.into_inner();
        right("read", answer.deferred, &answer.diagnostics)?;
        same(read(answer.new_state, &thing())?.attribute("name"), Some(&Value::from("one")))?;

        let request = wire::read_data_source::Request {
            type_name: kind.clone(),
            config: dynamic(&config, &found),
            client_capabilities,
            ..Default::default()
        };
        let answer = client.read_data_source(request).await?.into_inner();
        right("data source", answer.deferred, &answer.diagnostics)?;
        if deferral_allowed {
            let expected = Value::map([("name", Value::from("too early")), ("length", Value::unknown())]);
            same(read(answer.state, &found)?, expected)?;
        }

        let request = wire::open_ephemeral_resource::Request {
            type_name: kind.clone(),
            config: dynamic(&config, &opened),
            client_capabilities,
        };
        let answer = client.open_ephemeral_resource(request).await?.into_inner();
        right("ephemeral", answer.deferred, &answer.diagnostics)?;
        if deferral_allowed {
            same(read(answer.result, &opened)?.attribute("token"), Some(&Value::unknown()))?;
        }

        let request =
            wire::plan_action::Request { action_type: kind, config: dynamic(&config, &action), client_capabilities };
        let answer = client.plan_action(request).await?.into_inner();
        right("action", answer.deferred, &answer.diagnostics)?;
    }
    Ok(())
}

async fn imports_and_states() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let identity_type = Type::object([("id", Type::String)]);
    let identity = dynamic(&Value::map([("id", Value::from("id-two"))]), &identity_type);
    for (id, identity) in [("id-two", None), ("", Some(wire::ResourceIdentityData { identity_data: identity }))] {
        let request = wire::import_resource_state::Request {
            type_name: "sample_thing".to_owned(),
            id: id.to_owned(),
            client_capabilities: None,
            identity,
        };
        let answer = client.import_resource_state(request).await?.into_inner();
        let [imported] = answer.imported_resources.as_slice() else { return Err(format!("{answer:?}").into()) };
        same(read(imported.state.clone(), &thing())?.attribute("name"), Some(&Value::from("two")))?;
        ensure(imported.identity.is_some(), || "no identity".to_owned())?;
    }
    let upgrade = |json: &str| wire::upgrade_resource_state::Request {
        type_name: "sample_thing".to_owned(),
        version: 0,
        raw_state: Some(wire::RawState { json: json.into(), ..Default::default() }),
    };
    let state = r#"{"name":"x","size":12345678901234567890123.5,"gone":1}"#;
    let upgraded = client.upgrade_resource_state(upgrade(state)).await?.into_inner();
    let expected = Value::Number("12345678901234567890123.5".parse()?);
    same(read(upgraded.upgraded_state, &thing())?.attribute("size"), Some(&expected))?;
    let refused = client.upgrade_resource_state(upgrade("{")).await?.into_inner();
    same(refused.diagnostics[0].summary.as_str(), "Could not read the state")
}

async fn state_stores_are_unimplemented() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let codes = [
        client.get_states(wire::get_states::Request::default()).await.err(),
        client.lock_state(wire::lock_state::Request::default()).await.err(),
        client.read_state_bytes(wire::read_state_bytes::Request::default()).await.err(),
        client.write_state_bytes(futures::stream::empty()).await.err(),
        client.validate_state_store_config(wire::validate_state_store::Request::default()).await.err(),
    ]
    .map(|status| status.map(|status| status.code()));
    same(codes, [Some(tonic::Code::Unimplemented); 5])
}

async fn large_messages() -> Outcome {
    let plugin = start(&[]).await?;
    let mut client = plugin.provider().await?;
    let large = Value::Dynamic(Box::new((Type::String, Value::from("x".repeat(65 << 20)))));
    let request = wire::call_function::Request {
        name: "echo".to_owned(),
        arguments: dynamic(&large, &Type::Dynamic).into_iter().collect(),
    };
    let answer = soon("a large message", client.call_function(request)).await??.into_inner();
    same(answer.result.map(|value| value.msgpack.len()), Some(65 * (1 << 20) + 16))
}
