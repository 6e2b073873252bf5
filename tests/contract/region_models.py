"""The models that edit a region, one per provider, mask format and operation."""

from tests.contract.registry import PAID_MODELS

# Models that get a region, by a mask or in the prompt. One model per provider, mask format and operation is enough.
MODELS_THAT_EDIT_A_REGION = {
    (provider.name, model.mask_format, model.operation): (provider, model)
    for provider, model in PAID_MODELS
    if not model.operations
    and (
        model.follows_instructions or (model.mask_format and model.mask_format.polarity != "direct")
    )
}
