# The commands for the operator of a deployed gateway: create keys, revoke keys, and examine the gateway.
KEYS = $(BIN)/python -m tools.keys --stack "$(or $(STACK),retouch)"
URL ?=

.PHONY: key revoke keys doctor

key: $(VENV)/.dev ## Create a key for $NAME; it is shown once
	@$(KEYS) new "$(NAME)"

revoke: $(VENV)/.dev ## Revoke the key of $NAME
	@$(KEYS) revoke "$(NAME)"

keys: $(VENV)/.dev ## List the names of the keys
	@$(KEYS) list

# All users of the machine can see arguments, so the key is passed in the environment. It may already be there.
doctor: $(VENV)/.dev ## Examine a running gateway: $URL and $KEY, or $STACK and $KEY; $ORIGIN for browsers
	@RETOUCH_KEY="$(or $(KEY),$$RETOUCH_KEY)" $(BIN)/python -m tools.doctor $(if $(URL),--url "$(URL)",--stack "$(or $(STACK),retouch)") \
	  $(if $(ORIGIN),--origin "$(ORIGIN)")
