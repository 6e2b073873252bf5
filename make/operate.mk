# The commands for the operator of a deployed gateway: gateway keys, provider keys, and an examination of the gateway.
AT_STACK = --stack "$(STACK)" --region "$(REGION)"
KEYS = $(BIN)/python -m tools.keys $(AT_STACK)
URL ?=

.PHONY: key revoke budget reconcile usage keys secret check-order check-secret doctor

key: $(VENV)/.dev ## Create a key for $NAME, in $WORKSPACE or with ADMIN=1 for the admin API; it is shown once
	@$(KEYS) new $(if $(WORKSPACE),--workspace "$(WORKSPACE)") $(if $(ADMIN),--admin) "$(NAME)"

revoke: $(VENV)/.dev ## Revoke the key of $NAME
	@$(KEYS) revoke "$(NAME)"

budget: $(VENV)/.dev ## Show the budgets of the key $NAME, or set $BUDGET in US dollars (none: no budget), $RESET daily, weekly, monthly
	@$(BIN)/python -m tools.budgets "$(NAME)" $(if $(BUDGET),--set "$(BUDGET)") $(if $(RESET),--reset "$(RESET)") $(AT_STACK)

reconcile: check-order $(VENV)/.dev ## End the unknown order $ORDER: $BILLED is no or yes; $COST and $PRICE in US dollars
	@$(BIN)/python -m tools.reconcile "$(ORDER)" --billed "$(BILLED)" $(if $(COST),--cost "$(COST)") $(if $(PRICE),--price "$(PRICE)") $(AT_STACK)

check-order:
	@[ -n "$(ORDER)" ] && [ -n "$(filter no yes,$(BILLED))" ] || { \
	  echo "Name the order, and say whether the provider billed it: make reconcile ORDER=ord_... BILLED=no, or BILLED=yes." >&2; exit 1; }

usage: $(VENV)/.dev ## Show the usage of $MONTH (2026-11) by $BY (workspace,model); CSV=1 prints CSV
	@$(BIN)/python -m tools.usage $(AT_STACK) $(if $(MONTH),--month "$(MONTH)") $(if $(BY),--by "$(BY)") $(if $(CSV),--csv)

keys: $(VENV)/.dev ## List the names of the keys
	@$(KEYS) list

# The value comes from a prompt, a redirected input or the variable $NAME of the environment. Arguments are not private.
secret: check-secret $(VENV)/.dev ## Write the provider key $NAME (OPENAI_API_KEY, ...) into the stack's secret; asks for the value
	@$(BIN)/python -m tools.secret $(AT_STACK) $(if $(REMOVE),--remove) "$(NAME)"

check-secret:
	$(if $(findstring command,$(origin VALUE) $(origin $(NAME))),\
	  $(error Arguments are not private. Replace this key at the provider, and run: make secret NAME=$(NAME)))

# All users of the machine can see arguments, so the key is passed in the environment. It may already be there.
doctor: $(VENV)/.dev ## Examine a running gateway: $URL and $KEY, or $STACK and $KEY; $ORIGIN for browsers
	@RETOUCH_KEY="$(or $(KEY),$$RETOUCH_KEY)" $(BIN)/python -m tools.doctor $(if $(URL),--url "$(URL)",$(AT_STACK)) \
	  $(if $(ORIGIN),--origin "$(ORIGIN)")
