# The commands that need the SAM command line: build, deploy and operation of a stack. Makefile includes this file.
# `sam deploy --guided` writes a stack's name and parameters to a file: those of the first stack to MAIN_CONFIG, and those
# of each further stack to a file of its own.
MAIN_CONFIG := make/samconfig.toml
saved_stack = $(shell sed -n 's/^stack_name *= *"\(.*\)"/\1/p' "$(1)" 2>/dev/null | head -n 1)
saved_arch = $(shell sed -n 's/.*Architecture=[\\"]*\(arm64\|x86_64\).*/\1/p' "$(1)" 2>/dev/null | head -n 1)
MAIN_STACK := $(call saved_stack,$(MAIN_CONFIG))
STACK ?= $(or $(MAIN_STACK),retouch)
STACK_CONFIG := $(if $(filter-out $(STACK),$(MAIN_STACK)),make/samconfig-$(STACK).toml,$(MAIN_CONFIG))
DEPLOYED := $(call saved_stack,$(STACK_CONFIG))
# A deployed stack keeps its architecture.
DEPLOYED_ARCH := $(call saved_arch,$(STACK_CONFIG))
ARCH ?= $(or $(DEPLOYED_ARCH),arm64)
REGION ?=
# Absolute paths, because SAM resolves a relative path against the folder of the template.
CONFIG_FILE := --config-file "$(CURDIR)/$(MAIN_CONFIG)"
STACK_CONFIG_FILE = --config-file "$(CURDIR)/$(or $(wildcard $(STACK_CONFIG)),$(MAIN_CONFIG))"
# One sentence for a missing region, missing credentials or a missing stack, as of the other operator commands.
ACCOUNT = .work/sam/bin/python -m tools.account --stack "$(STACK)" --region "$(REGION)"
FUNCTION ?= EditsFunction
EVENT ?= events/edit_multipart_one_image_with_mask.json
SAM := .work/sam/bin/sam
NATIVE := $(subst aarch64,arm64,$(shell uname -m))
# Only deploy, logs and delete need an account. Offline commands also need a region.
SAM_OFFLINE := AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-us-east-1} $(SAM)
BUILD_FOR = UV="$(CURDIR)/$(VENV)/.uv" ARCH=$(1) $(SAM_OFFLINE) build $(CONFIG_FILE) --parameter-overrides Architecture=$(1)
export SAM_CLI_TELEMETRY := 0

.PHONY: build deploy check-stack check-account check-event check-engine check-emulate emulate invoke local build-local build-native logs delete check-aws events coldstart layer-size cost lock-aws

build: .work/sam/.ready ## Build function and layer for $ARCH (arm64, x86_64); no Docker
	$(call BUILD_FOR,$(ARCH))
	@echo "The \`sam\` of this repository is $(SAM). Its commands have targets: make invoke, make local, make deploy."

deploy: check-stack check-account build ## Deploy $STACK to your AWS account; asks for parameters the first time
	@if [ -n "$(DEPLOYED)" ]; then $(SAM) deploy $(STACK_CONFIG_FILE) $(if $(REGION),--region "$(REGION)"); \
	else $(MAKE) --no-print-directory $(STACK_CONFIG) && \
	  role=$$(.work/sam/bin/python -m tools.api_logs_role --stack "$(STACK)" --region "$(REGION)") && \
	  $(SAM) deploy --guided --config-file "$(CURDIR)/$(STACK_CONFIG)" --stack-name "$(STACK)" \
	    $(if $(REGION),--region "$(REGION)") --parameter-overrides Architecture=$(ARCH) ApiLogsRole=$$role; fi

# Before the build, because a stack that would be deployed with a wrong name or a wrong layer must not be built.
check-stack:
	@case "$(STACK)" in [A-Za-z]*) ;; *) bad=1 ;; esac; case "$(STACK)" in *[!A-Za-z0-9-]*) bad=1 ;; esac; \
	if [ -n "$${bad:-}" ]; then echo "STACK=$(STACK) is not a name of a stack: use letters, digits and '-', and begin with a letter." >&2; exit 1; \
	elif [ "$(or $(DEPLOYED),$(STACK))" != "$(STACK)" ]; then \
	  echo "$(STACK_CONFIG) is of the stack '$(DEPLOYED)', not '$(STACK)': rename the file, or change its stack_name." >&2; exit 1; \
	elif [ "$(or $(DEPLOYED_ARCH),$(ARCH))" != "$(ARCH)" ]; then \
	  echo "The stack '$(STACK)' runs on $(DEPLOYED_ARCH): change Architecture in $(STACK_CONFIG), or leave out ARCH=$(ARCH)." >&2; exit 1; fi

# Before the build too. It prints the options of `sam`, which only `make logs` and `make delete` need.
check-account: .work/sam/.ready
	@$(ACCOUNT) >/dev/null

# The settings of MAIN_CONFIG without those of its own stack.
make/samconfig-%.toml:
	@grep -vE '^(stack_name|s3_bucket|s3_prefix|region|profile|parameter_overrides|image_repositories) *=' $(MAIN_CONFIG) >$@

logs: .work/sam/.ready ## Follow the logs of the deployed functions
	@options=$$($(ACCOUNT) --deployed) && $(SAM) logs $(STACK_CONFIG_FILE) $$options --stack-name "$(STACK)" --cw-log-group "/aws/lambda/$(STACK)-edits" \
	  --cw-log-group "/aws/lambda/$(STACK)-mirror" --tail

delete: .work/sam/.ready ## Delete the stack; the bucket, the secrets and the tables remain
	@options=$$($(ACCOUNT) --deployed) && $(SAM) delete $(STACK_CONFIG_FILE) $$options --stack-name "$(STACK)"
	@echo "Not deleted, because they contain your data: the results bucket, the two secrets, the tables and the dead letters."

emulate: check-emulate $(VENV)/.dev build-native .work/stack/.ready ## Run the stack on an AWS emulator until Ctrl-C; needs no account, no Docker
	@$(BIN)/python -m tools.aws.emulated_stack

# Before the build, which takes longer.
check-emulate: $(VENV)/.uv
	@UV=$(VENV)/.uv tools/aws/find-python.sh 3.13 >/dev/null

LOCAL := . .work/local/env.sh && $(SAM_OFFLINE) local
LOCAL_OPTIONS := $(CONFIG_FILE) -t .work/local/build/template.yaml --parameter-overrides Architecture=$(NATIVE)

invoke: check-event build-local ## Run $FUNCTION (default EditsFunction) once with $EVENT; events/README.md lists both; needs Docker or podman
	@$(LOCAL) invoke $(FUNCTION) $(LOCAL_OPTIONS) -e "$(EVENT)"

local: build-local ## Serve the API on 127.0.0.1:3000 from a container; needs Docker or podman
	@$(LOCAL) start-api $(LOCAL_OPTIONS)

# Before the build, which takes longer.
check-event:
	@[ -f "$(EVENT)" ] || { echo "EVENT=$(EVENT) does not exist: name a file of events/, or leave out EVENT." >&2; exit 1; }

check-engine:
	@tools/aws/sam-local-setup.sh .work/local check

# A separate build for the processor of this machine.
build-local: check-engine build-native
	@tools/aws/sam-local-setup.sh .work/local

build-native: .work/sam/.ready
	@mkdir -p .work/local
	@$(PROGRESS) "building for this machine" sh -c '$(call BUILD_FOR,$(NATIVE)) --build-dir .work/local/build --cached \
	  --cache-dir .work/local/cache >.work/local/build.log 2>&1 || { cat .work/local/build.log; exit 1; }'

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

layer-size: $(VENV)/.dev ## Build the layer and write the sizes of its packages into docs/deploy.md
	$(BIN)/python -m tools.aws.layer_size

lock: lock-aws

lock-aws: $(VENV)/.uv
	for set in sam:3.11 scan:3.11 stack:3.13 managed:3.13; do \
	  $(VENV)/.uv pip compile -q --universal --python-version $${set#*:} --generate-hashes --no-emit-index-url \
	    --no-header --no-annotate make/requirements/$${set%:*}.in -o make/requirements/$${set%:*}.txt || exit 1; done

# The emulator runs the function with its own interpreter, which must have the Python version of the layer.
.work/stack/.ready: make/requirements/stack.txt | $(VENV)/.uv
	@$(VENV)/.uv venv -q --allow-existing --python "$$(UV=$(VENV)/.uv tools/aws/find-python.sh 3.13)" .work/stack
	@VIRTUAL_ENV=.work/stack $(PROGRESS) "installing the packages for the test of the stack" $(VENV)/.uv pip install -q --compile-bytecode --require-hashes -r make/requirements/stack.txt
	@touch $@

# Each tool that pins other versions of the same libraries has its own environment.
.work/%/.ready: make/requirements/%.txt | $(VENV)/.uv
	@$(VENV)/.uv venv -q --allow-existing --python "$$(readlink -f $(BIN)/python)" .work/$*
	@VIRTUAL_ENV=.work/$* $(PROGRESS) "installing the packages for $*" $(VENV)/.uv pip install -q --require-hashes -r make/requirements/$*.txt
	@touch $@
