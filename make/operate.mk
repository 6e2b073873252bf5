# What the operator of a deployed gateway does: hand out keys, take them back, see whether all is well.
KEYS = $(BIN)/python -m tools.keys --stack "$(or $(STACK),retouch)"
URL ?=

.PHONY: key revoke keys doctor

key: $(VENV)/.dev ## A new key for $NAME; shown once
	@$(KEYS) new "$(NAME)"

revoke: $(VENV)/.dev ## Take the key of $NAME back
	@$(KEYS) revoke "$(NAME)"

keys: $(VENV)/.dev ## Whose keys there are
	@$(KEYS) list

# Everybody on the machine can see arguments, so the key travels in the environment; it may be there already.
doctor: $(VENV)/.dev ## Examine a running gateway: $URL and $KEY, or $STACK and $KEY; $ORIGIN for browsers
	@RETOUCH_KEY="$(or $(KEY),$$RETOUCH_KEY)" $(BIN)/python -m tools.doctor $(if $(URL),--url "$(URL)",--stack "$(or $(STACK),retouch)") \
	  $(if $(ORIGIN),--origin "$(ORIGIN)")
