# The only command that calls real providers and costs money: one small edit per model. Keys come from the environment.
.PHONY: live

live: $(VENV)/.dev ## Send one real edit to each model of provider $P, or only to its model $M; needs its key
	@$(BIN)/python -m tools.live "$(P)" $(if $(M),--model "$(M)") $(if $(IDENTITY),--identity)
