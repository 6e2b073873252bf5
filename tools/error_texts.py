"""What each error code means, and what the caller or the operator does about it. `error_codes` has the other facts."""

TEXTS = {
    "already_created": (
        "An earlier request with this idempotency key has created the gateway key, which is shown only once.",
        "Rotate the key if its answer was lost ([tenants](tenants.md)).",
    ),
    "conflict": (
        "The state of a workspace, a key or a config does not permit the change.",
        "Read it, and send the request again ([tenants](tenants.md)).",
    ),
    "config_override_not_allowed": (
        "The gateway key has a config of its own, and its requests may not name another one.",
        "Leave `x-portkey-config` out ([tenants](tenants.md)).",
    ),
    "insufficient_scope": (
        "The gateway key lacks a scope.",
        "Use a key that has it ([tenants](tenants.md)).",
    ),
    "model_not_allowed": (
        "The gateway key may not use this model or this provider.",
        "Use a model that `GET /v1/models` lists for this key.",
    ),
    "tenants_unavailable": (
        "The table of workspaces and keys cannot be used.",
        "Send it again. Operator: look at the log of the function.",
    ),
    "workspace_in_use": (
        "The workspace has edits in flight, so it cannot be deleted.",
        "Revoke its keys, and delete it when the edits have ended ([tenants](tenants.md)).",
    ),
    "already_ended": ("The job or the batch has ended, so it cannot be cancelled.", "Read it ([jobs](jobs.md))."),
    "already_sent": (
        "The edit of the job was sent to the provider, so it cannot be cancelled.",
        "Fetch its result ([jobs](jobs.md)).",
    ),
    "batches_not_configured": (
        "The gateway has no table of batches.",
        "Send the edits one by one. Operator: set `RETOUCH_BATCHES_TABLE` and `RETOUCH_BATCHES_QUEUE`.",
    ),
    "body_corrupted_by_gateway": (
        "A proxy decoded the upload as text.",
        "Operator: `binaryMediaTypes` of API Gateway must contain `multipart/form-data`.",
    ),
    "body_too_large": (
        "The request is larger than the gateway accepts.",
        "Upload the image first ([large images](large-pictures.md)).",
    ),
    "custom_host_not_allowed": (
        "The operator does not allow this custom host.",
        "Use a host from `CustomHosts`, or leave the header out.",
    ),
    "deadline_exceeded": (
        "There was no result within the time of the function.",
        "Before the call (`x-retouch-billed: no`): send the edit again. After it: ask for less, such as fewer images.",
    ),
    "duplicate_parameter": ("The request has a parameter twice.", "Send it once."),
    "empty_body": ("The request has no body.", "Send a form or a JSON object."),
    "empty_file": ("The file of a batch has no bytes.", "Check the file and how your client reads it."),
    "empty_image_file": ("An image has no bytes.", "Check the file and how your client reads it."),
    "export_state": (
        "The state of an export does not permit the request.",
        "`GET /v1/logs/exports/{id}` says its state ([usage](usage.md)).",
    ),
    "fetch_expired": (
        "The link to an input image has expired.",
        "Create a new link, or send the image itself.",
    ),
    "fetch_failed": (
        "The gateway cannot download an input image.",
        "Check the link in a browser without a login, or send the image itself.",
    ),
    "fetch_forbidden": (
        "The host of an input image refuses the download, for example with a 401 or 403.",
        "Check that the link works without a login, or send the image itself.",
    ),
    "fetch_too_large": ("An input image behind a link is too large.", "Make it smaller."),
    "fetch_unsupported_media": (
        "The link leads to something that is not an image.",
        "Link to the image file, not to a page.",
    ),
    "field_too_large": ("A form field is too large.", "Send images as files."),
    "file_not_found": (
        "There is no such file: it has expired, is deleted, or belongs to another key.",
        "Store the file again ([batches](batches.md)).",
    ),
    "file_too_large": ("The file of a batch is larger than 200 MB.", "Split it into several batches."),
    "foreign_host": (
        "The provider named a result on a host that is not its own.",
        "Tell the operator. The gateway sends no key to such a host.",
    ),
    "forward_header_not_allowed": (
        "The operator does not allow forwarding this header.",
        "Leave it out, or ask for it in `ForwardHeaders`.",
    ),
    "gateway_key_refused": (
        "The request contains a gateway key in the wrong place.",
        "Send the gateway key only in `Authorization`.",
    ),
    "gateway_not_configured": (
        "The gateway cannot read its secret or its settings.",
        "Operator: run `make doctor`.",
    ),
    "gateway_timeout": (
        "The function did not respond to API Gateway in time.",
        "Operator: read the log of the function. The edit may have been paid for.",
    ),
    "idempotency_key_reused": (
        "The `Idempotency-Key` belongs to another request.",
        "Use another key. The message names the first field that differs ([orders](orders.md)).",
    ),
    "image_animated": ("An input image is an animation.", "Send one frame."),
    "image_file_too_large": ("An image file is too large.", "Make it smaller or compress it."),
    "image_metadata_too_large": ("An image has too much metadata.", "Remove the metadata."),
    "image_multipage": ("An input image has several pages.", "Send one page."),
    "image_not_square": ("The model takes square images only.", "Crop or pad the image."),
    "image_parse_error": ("An image is damaged.", "Save it again with another program."),
    "image_too_large": ("An image has too many pixels.", "Scale it down."),
    "image_truncated": ("An image file is incomplete.", "Send the complete file."),
    "insufficient_quota": (
        "The account at the provider cannot pay: no credit, no quota, or a spending limit.",
        "Owner of the account: pay the provider or raise the limit. A config can "
        "[fall back](routing.md) to another provider.",
    ),
    "internal_error": (
        "The gateway has a bug.",
        "Tell the operator the `x-request-id`. The log has the reason.",
    ),
    "invalid_api_key": (
        "The gateway key is missing or wrong, or there is no valid key for the provider.",
        "The message says which. Check the key.",
    ),
    "invalid_base64": ("An image in JSON is not valid base64.", "Encode the file again."),
    "invalid_boundary": ("The boundary of the form is not valid.", "Let your client set the content type."),
    "invalid_config": ("The routing config breaks a rule.", "The message names the field ([routing](routing.md))."),
    "invalid_idempotency_key": (
        "The `Idempotency-Key` is empty, too long, sent twice, or not visible ASCII.",
        "Correct the key ([orders](orders.md)).",
    ),
    "invalid_image_url": ("An image reference is not valid.", "Send a web address or a `data:` URL."),
    "invalid_json": ("The body is not valid JSON.", "Check the body."),
    "invalid_mask_shape": ("A mask shape breaks a rule.", "The message names the rule ([masks](masks.md))."),
    "invalid_multipart": ("The form is damaged.", "Let a library build the form."),
    "invalid_part_header": ("A part of the form has a damaged header.", "Let a library build the form."),
    "invalid_range": ("The range of time ends before it begins.", "Send an end that is later than the start."),
    "invalid_text": ("A text is not valid UTF-8.", "Send UTF-8."),
    "invalid_type": ("A parameter has the wrong type.", "The message names the type."),
    "invalid_upload_id": ("The id of an upload is not valid.", "Use the id that `POST /v1/uploads` returned."),
    "invalid_url": ("A web address is not valid.", "Correct the address."),
    "invalid_value": ("A parameter has a value that is not allowed.", "The message names the rule."),
    "link_expired": ("The link to a result has expired.", "Request the edit again and download it earlier."),
    "mask_empty": ("The mask marks nothing.", "Mark the area to edit ([masks](masks.md))."),
    "mask_full": (
        "The mask marks the whole image.",
        "Leave the mask out, or send `allow_full_mask=true` ([masks](masks.md)).",
    ),
    "mask_mode_ambiguous": ("It is not clear what the mask file marks.", "Send `mask_mode` ([masks](masks.md))."),
    "mask_required": ("The model needs a mask.", "Send one, or choose another model."),
    "mask_size_mismatch": ("The mask and the image have different sizes.", "Make the mask as large as the image."),
    "mask_without_alpha": ("The mask has no transparency.", "Make the area transparent, or send `mask_mode`."),
    "method_not_allowed": ("The route does not support this method.", "Use a method from the header `Allow`."),
    "missing_boundary": ("The content type of the form has no boundary.", "Let your client set the content type."),
    "missing_part_name": ("A part of the form has no name.", "Name it."),
    "missing_required_parameter": ("A required parameter is absent.", "Send it."),
    "model_not_found": (
        "The model does not exist, or the account may not use it.",
        "`GET /v1/models` lists the models. For a new model, the account may need to be approved.",
    ),
    "job_abandoned": (
        "The workers of the gateway could not make the edit of a job.",
        "Send the edit again. The log of the worker has the reason.",
    ),
    "job_cancelled": (
        "The job with this `Idempotency-Key` was cancelled, or it did not begin in time.",
        "Use a new key to make the edit ([jobs](jobs.md)).",
    ),
    "job_with_secret": (
        "The request of a job carries a key or another secret, which the gateway does not store.",
        "Use a key that the operator has set, or send the request without `Prefer: respond-async`.",
    ),
    "polled_too_often": (
        "The state of a job is asked for too often. The job is not affected.",
        "Wait as many seconds as `Retry-After` says, or send `Prefer: wait=30`.",
    ),
    "jobs_not_configured": (
        "The gateway has no queue of edits.",
        "Leave `Prefer: respond-async` and `background` out. Operator: set `RETOUCH_EDITS_QUEUE`.",
    ),
    "model_retired": ("The provider has shut the model down.", "Use the successor that the message names."),
    "moderation_blocked": (
        "The safety system of the provider rejected the request or the result.",
        "Change the prompt or the image. `moderation_details` has the categories, if the provider names them.",
    ),
    "no_image_returned": (
        "The provider responded without a readable image.",
        "Use another model if this repeats. Another edit is billed again.",
    ),
    "no_operation": ("The request matches no operation of the model.", "Name the operation as the model."),
    "no_target_matches": ("No condition of the config matches.", "Add `strategy.default`."),
    "not_found": ("The route does not exist.", "Check the path and the base URL."),
    "not_ready": ("The job has no result yet.", "Ask again later ([jobs](jobs.md))."),
    "no_result": ("The job has ended without a result.", "GET on the job says why ([jobs](jobs.md))."),
    "object_not_found": ("The object in the bucket does not exist.", "Check its name."),
    "order_in_progress": (
        "An equal request with the same key still runs.",
        "Send it again: it gets the same answer ([orders](orders.md)).",
    ),
    "idempotency_key_required": (
        "Lambda may repeat this asynchronous invoke, and it has no key that keeps an edit from being bought twice.",
        "Add `idempotency_key` to the event ([orders](orders.md)).",
    ),
    "order_outcome_known": (
        "The order that the operator reconciles has a known outcome.",
        "Read the order ([budgets](budgets.md)). Nothing is left to find out.",
    ),
    "order_outcome_unknown": (
        "An earlier try of this order broke off after it was sent to the provider.",
        "The order is not bought again with this key. A new key buys it again ([orders](orders.md)).",
    ),
    "budget_exceeded": (
        "The edit may cost more than is left of a budget of the key, its workspace or the virtual key. Callers with a "
        "header of Portkey's get 412.",
        "Wait until the budget resets, or ask the operator for a larger one ([budgets](budgets.md)).",
    ),
    "budget_unavailable": (
        "The table of budgets cannot be used. Nothing was bought.",
        "Send the edit again later. Operator: check the table.",
    ),
    "concurrency_limit_exceeded": (
        "As many edits of the key, its workspace or the virtual key run as may run at the same time, or 300 jobs wait.",
        "Wait for `retry-after`. Then send the edit again.",
    ),
    "price_unknown": (
        "The model has no price, so its edits cannot be counted in a budget.",
        "Use a model with a price. Operator: set `RETOUCH_CEILINGS` ([budgets](budgets.md#ceilings)).",
    ),
    "orders_unavailable": (
        "The table of orders cannot be used. Nothing was bought. A job or a batch that the message names may exist.",
        "Ask for the job or batch that the message names. Else send the edit again later. Operator: check the table.",
    ),
    "plan_not_understood": (
        "The planning model made no valid plan. The message has its words.",
        "Word the instruction more simply, or use a model that paints.",
    ),
    "provider_circuit_open": (
        "The provider failed repeatedly and gets no requests for some seconds.",
        "Wait for `retry-after`, or use another provider ([breaker](breaker.md)).",
    ),
    "provider_credentials": (
        "The provider rejected the key of the gateway, or suspended the account.",
        "Operator: run `make doctor` and check the key at the provider.",
    ),
    "provider_error": (
        "The provider failed, or its response is not readable. The message has its words.",
        "Wait and check the status page of the provider. Another edit may be billed again.",
    ),
    "provider_overloaded": ("The provider is overloaded and did not start the edit.", "Send the edit again later."),
    "provider_refused": (
        "The provider or its model refused the request. The message has its words. The status and the code are the "
        "provider's own, if it sends them.",
        "Follow the message, for example with another prompt or image.",
    ),
    "provider_unreachable": ("No connection to the provider was possible.", "Send the edit again later."),
    "range_too_large": (
        "The range of time has more usage than one answer can sum.",
        "Ask for a shorter range, group by less, or export the events ([usage](usage.md)).",
    ),
    "rate_limit_exceeded": (
        "The provider, API Gateway, or the rate limit of the key, its workspace or the virtual key is reached.",
        "Wait for `retry-after`. Then send the edit again.",
    ),
    "result_expired": ("The link to the result of a job has expired.", "Download a result within a day."),
    "result_not_fetched": (
        "The provider made the image, but it could not be downloaded until the deadline.",
        "Another edit is billed again. Tell the operator if this repeats.",
    ),
    "result_too_large": (
        "The result is too large for a direct invoke, and no bucket took it.",
        "Operator: check the bucket. Caller: ask for a smaller format.",
    ),
    "ssrf_blocked": (
        "A web address leads to a host that is not public.",
        "Send the image itself, or ask for the host in `FetchAllow` ([security](security.md)).",
    ),
    "string_above_max_length": ("A text is too long.", "Shorten it."),
    "too_many_images": ("There are more images than the model takes.", "Send fewer."),
    "too_many_parts": ("The form has too many parts.", "Send fewer."),
    "too_many_urls": ("The request names too many web addresses.", "Split the request."),
    "truncated_body": ("The body ends early.", "Check the connection and the content length."),
    "unknown_parameter": ("The parameter does not exist.", "Leave it out, or correct its name."),
    "unknown_virtual_key": ("The virtual key does not exist.", "Ask the operator for its name."),
    "unsupported_content_encoding": ("The body is compressed in an unknown way.", "Send it uncompressed."),
    "unsupported_image_format": ("The image has a format that is not accepted.", "Convert it to PNG or JPEG."),
    "unsupported_image_size": ("The model does not take an image of this size.", "Scale or pad the image."),
    "unsupported_image_url": ("The address of an image has a scheme that is not accepted.", "Use `https` or `data:`."),
    "unsupported_media_type": ("The content type is not supported.", "Send `multipart/form-data` or JSON."),
    "unsupported_operation": (
        "The model edits with a fixed list of operations, and none of them can do this.",
        "Use a model that paints. The message names some.",
    ),
    "unsupported_parameter": ("The model cannot apply the parameter.", "Leave it out, or choose another model."),
    "unsupported_provider": ("The gateway does not have this provider.", "`GET /v1/models` lists the providers."),
    "unsupported_transfer_encoding": ("A part of the form has an unknown encoding.", "Send it in binary."),
    "upload_not_found": ("The upload does not exist, or it has expired.", "Upload the image again."),
    "usage_unavailable": (
        "The table of usage cannot be used.",
        "Send the request again later. Operator: check the table ([usage](usage.md)).",
    ),
    "too_many_webhook_endpoints": (
        "The key has as many webhook endpoints as are allowed.",
        "Delete an endpoint ([webhooks](webhooks.md)).",
    ),
    "webhook_delivery_pending": (
        "The delivery of a webhook is still tried, so it is not started again.",
        "Wait for its end ([webhooks](webhooks.md)).",
    ),
    "webhook_not_reached": (
        "The webhook endpoint of a test did not respond.",
        "Check the URL and the certificate of the endpoint ([webhooks](webhooks.md)).",
    ),
    "webhooks_not_configured": (
        "The gateway has no webhooks.",
        "Poll the job instead. Operator: set `RETOUCH_WEBHOOKS_TABLE` and `RETOUCH_WEBHOOKS_QUEUE`.",
    ),
    "webhook_url_refused": (
        "The gateway may not call the URL of a webhook endpoint.",
        "Use a public https URL at port 443. Operator: `RETOUCH_WEBHOOK_ALLOW` allows a host.",
    ),
    "webhooks_unavailable": (
        "The table or the queue of webhooks cannot be used.",
        "Send the request again later. Operator: check the table and the queue.",
    ),
}  # fmt: skip
