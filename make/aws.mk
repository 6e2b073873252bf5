# The commands that need the SAM command line: build, deploy and operation of a stack. Makefile includes this file.
# `sam deploy --guided` writes the stack's name and parameters to this file. DEPLOYED and ARCH come from it.
SAM_CONFIG := make/samconfig.toml
# An absolute path, because SAM resolves a relative path against the folder of the template.
CONFIG_FILE := --config-file "$(CURDIR)/$(SAM_CONFIG)"
DEPLOYED := $(shell sed -n 's/^stack_name *= *"\(.*\)"/\1/p' $(SAM_CONFIG) | head -n 1)
STACK ?= $(or $(DEPLOYED),retouch)
# A deployed stack keeps its architecture.
ARCH ?= $(or $(shell sed -n 's/.*Architecture=[\\"]*\(arm64\|x86_64\).*/\1/p' $(SAM_CONFIG) | head -n 1),arm64)
FUNCTION ?= EditsFunction
EVENT ?= events/edit_multipart_one_image_with_mask.json
SAM := .work/sam/bin/sam
NATIVE := $(subst aarch64,arm64,$(shell uname -m))
# Only deploy, logs and delete need an account. Offline commands also need a region.
SAM_OFFLINE := AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-us-east-1} $(SAM)
BUILD_FOR = UV="$(CURDIR)/$(VENV)/.uv" ARCH=$(1) $(SAM_OFFLINE) build $(CONFIG_FILE) --parameter-overrides Architecture=$(1)
export SAM_CLI_TELEMETRY := 0

.PHONY: build deploy invoke local build-local build-native logs delete check-aws events coldstart cost lock-aws

build: .work/sam/.ready ## Build function and layer for $ARCH (arm64, x86_64); no Docker
	$(call BUILD_FOR,$(ARCH))

deploy: build ## Deploy the stack to your AWS account; asks for parameters the first time
	@if [ -n "$(DEPLOYED)" ]; then $(SAM) deploy $(CONFIG_FILE); \
	else $(SAM) deploy --guided $(CONFIG_FILE) --stack-name $(STACK) --parameter-overrides Architecture=$(ARCH); fi

logs: .work/sam/.ready ## Follow the logs of the deployed functions
	$(SAM) logs $(CONFIG_FILE) --stack-name "$(STACK)" --cw-log-group "/aws/lambda/$(STACK)-edits" \
	  --cw-log-group "/aws/lambda/$(STACK)-mirror" --tail

delete: .work/sam/.ready ## Delete the stack; the bucket, the secret and the keys table remain
	$(SAM) delete $(CONFIG_FILE) --stack-name "$(STACK)"
	@echo "Not deleted, because they contain your data: the results bucket, the provider secret, the keys table."

LOCAL := . .work/local/env.sh && $(SAM_OFFLINE) local
LOCAL_OPTIONS := $(CONFIG_FILE) -t .work/local/build/template.yaml --parameter-overrides Architecture=$(NATIVE)

invoke: build-local ## sam local invoke of $FUNCTION (EditsFunction, MirrorFunction) with $EVENT; needs Docker or podman
	@$(LOCAL) invoke $(FUNCTION) $(LOCAL_OPTIONS) -e "$(EVENT)"

local: build-local ## sam local start-api on 127.0.0.1:3000; needs Docker or podman
	@$(LOCAL) start-api $(LOCAL_OPTIONS)

# A separate build for the processor of this machine.
build-local: build-native
	@tools/aws/sam-local-setup.sh .work/local

build-native: .work/sam/.ready
	@mkdir -p .work/local
	@$(call BUILD_FOR,$(NATIVE)) --build-dir .work/local/build --cached --cache-dir .work/local/cache \
	  >.work/local/build.log 2>&1 || { cat .work/local/build.log; exit 1; }

check-aws: .work/sam/.ready .work/scan/.clean
	$(SAM_OFFLINE) validate $(CONFIG_FILE) --lint
	$(BIN)/python -m tools.aws.cost --check

# The scan takes longer than all other checks, so it runs only for a changed template.
.work/scan/.clean: template.yaml .work/scan/.ready
	.work/scan/bin/checkov -f template.yaml --framework cloudformation --compact --quiet --skip-download
	@touch $@

events: $(VENV)/.dev ## Write events/*.json again
	$(BIN)/python -m tools.events

cost: $(VENV)/.dev ## Write the cost tables in docs/cost.md again
	$(BIN)/python -m tools.aws.cost

coldstart: $(VENV)/.dev build-native .work/stack/.ready ## Measure cold starts in the Lambda emulator for docs/deploy.md
	$(BIN)/python -m tools.aws.coldstart

lock: lock-aws

lock-aws: $(VENV)/.uv
	for set in sam:3.11 scan:3.11 stack:3.13 managed:3.13; do \
	  $(VENV)/.uv pip compile -q --universal --python-version $${set#*:} --generate-hashes --no-emit-index-url \
	    --no-header --no-annotate make/requirements/$${set%:*}.in -o make/requirements/$${set%:*}.txt || exit 1; done

# The emulator runs the function with its own interpreter, which must have the Python version of the layer.
.work/stack/.ready: make/requirements/stack.txt | $(VENV)/.uv
	@echo "installing the packages for the test of the stack"
	@$(VENV)/.uv venv -q --allow-existing --python "$$(UV=$(VENV)/.uv tools/aws/find-python.sh 3.13)" .work/stack
	@VIRTUAL_ENV=.work/stack $(VENV)/.uv pip install -q --compile-bytecode --require-hashes -r make/requirements/stack.txt
	@touch $@

# Each tool that pins other versions of the same libraries has its own environment.
.work/%/.ready: make/requirements/%.txt | $(VENV)/.uv
	@echo "installing the packages for $*"
	@$(VENV)/.uv venv -q --allow-existing --python "$$(readlink -f $(BIN)/python)" .work/$*
	@VIRTUAL_ENV=.work/$* $(VENV)/.uv pip install -q --require-hashes -r make/requirements/$*.txt
	@touch $@
