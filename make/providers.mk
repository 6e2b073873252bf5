# What costs money: real providers are asked only here, one tiny edit a model. Keys come from the environment.
.PHONY: live

live: $(VENV)/.dev ## One real edit of each model of provider $P, or of its model $M; needs its key
	@$(BIN)/python -m tools.live "$(P)" $(if $(M),--model "$(M)") $(if $(IDENTITY),--identity)
