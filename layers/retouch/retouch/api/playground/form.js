// The form of the request: the models, and the parameters that the chosen one takes.

// The parameters that stand beside the prompt; the others are under "More parameters".
const MAIN_PARAMETERS = ['size', 'quality', 'background', 'output_format'];
const HIDDEN_PARAMETERS = ['partial_images', 'response_format'];
const PARAMETER_NAMES = { size: 'Size', quality: 'Quality', background: 'Background', output_format: 'Format' };

export class EditForm {
  constructor(find) {
    this.find = find;
    this.models = [];
    this.controls = new Map(); // name -> element
  }

  setModels(models) {
    this.models = models.filter((model) => model.capabilities?.edit && !model.deprecated);
    this.models.sort((one, other) => (other.has_key !== false) - (one.has_key !== false)); // what works now comes first
    const groups = Map.groupBy ? Map.groupBy(this.models, (model) => model.owned_by) : groupBy(this.models);
    const options = [...groups].map(([owner, owned]) => {
      const group = document.createElement('optgroup');
      group.label = owned[0].has_key === false ? `${owner} (needs a key)` : owner;
      group.append(...owned.map((model) => new Option(model.id, model.id)));
      return group;
    });
    const select = this.find('model');
    const chosen = select.value;
    select.replaceChildren(...options);
    if (this.models.some((model) => model.id === chosen)) select.value = chosen;
    this.showModel();
  }

  get model() {
    return this.models.find((model) => model.id === this.find('model').value);
  }

  // Offer what the chosen model takes, and keep the values that it also takes.
  showModel() {
    const { model } = this;
    if (!model) return;
    const { capabilities } = model;
    const values = new Map([...this.controls].map(([name, control]) => [name, control.value]));
    this.controls.clear();
    const main = [this.control('n', `a whole number from 1 to ${capabilities.max_n}`, values)];
    const more = [];
    for (const [name, rule] of Object.entries(capabilities.parameters)) {
      if (HIDDEN_PARAMETERS.includes(name)) continue;
      (MAIN_PARAMETERS.includes(name) ? main : more).push(this.control(name, rule, values));
    }
    this.find('main-parameters').replaceChildren(...main);
    this.find('more-parameters').replaceChildren(...more);
    this.find('stream-row').hidden = !capabilities.streaming;
    this.find('model-facts').textContent = modelFacts(capabilities) + keyNote(model);
    this.find('prompt').maxLength = capabilities.max_prompt_chars ?? -1;
    this.find('price').textContent = priceText(capabilities);
    this.showPromptLength();
  }

  control(name, rule, values) {
    const row = document.createElement('label');
    const control = createControl(rule);
    control.id = `parameter-${name}`;
    control.title = rule;
    row.append(PARAMETER_NAMES[name] ?? (name === 'n' ? 'Number of pictures' : name), ' ', control);
    if (control.type === 'text') row.append(ruleNote(control, rule));
    control.value = values.get(name) ?? (name === 'n' ? '1' : '');
    if (control.selectedIndex === -1) control.value = '';
    this.controls.set(name, control);
    return row;
  }

  showPromptLength() {
    const prompt = this.find('prompt').value;
    const most = this.model?.capabilities.max_prompt_chars;
    this.find('prompt-count').textContent = most && prompt.length > most / 2 ? `${prompt.length} of ${most} characters` : '';
  }

  // The fields of the request, without its files.
  fields() {
    const fields = [['model', this.find('model').value], ['response_format', 'b64_json']];
    const add = (name, value) => value !== '' && fields.push([name, value]);
    add('prompt', this.find('prompt').value);
    for (const [name, control] of this.controls) if (!(name === 'n' && control.value === '1')) add(name, control.value);
    if (!this.find('preserve').checked) add('preserve', 'false');
    add('fit', this.find('fit').value);
    for (const name of ['grow', 'feather']) if (Number(this.find(name).value)) add(`mask_${name}`, this.find(name).value);
    if (this.isStream) fields.push(['stream', 'true'], ['partial_images', '2']);
    return this.isJob ? fields.filter(([name]) => name !== 'response_format') : fields;
  }

  get isStream() {
    return this.find('stream').checked && !this.find('stream-row').hidden && !this.isJob;
  }

  get isJob() {
    return this.find('job').checked;
  }

  headers() {
    const headers = {};
    for (const name of ['config', 'metadata']) {
      const value = this.find(name).value.trim();
      if (value) headers[`x-portkey-${name}`] = value;
    }
    return headers;
  }
}

function groupBy(models) {
  const groups = new Map();
  for (const model of models) groups.set(model.owned_by, [...(groups.get(model.owned_by) ?? []), model]);
  return groups;
}

// Return an input for the values that a rule of /v1/models names: "one of a, b", "a whole number from 0 to 9", a text.
function createControl(rule) {
  const choices = /^one of (.+)$/.exec(rule)?.[1].split(', ') ?? (/^[\w.-]+$/.test(rule) ? [rule] : null);
  if (choices) {
    const select = document.createElement('select');
    select.append(new Option('default', ''), ...choices.map((choice) => new Option(choice, choice)));
    return select;
  }
  const input = document.createElement('input');
  const range = /^an? (?:whole )?number from (-?[\d.]+) to (-?[\d.]+)/.exec(rule);
  if (range) [input.type, input.min, input.max] = ['number', range[1], range[2]];
  if (range && !rule.startsWith('a whole')) input.step = 'any';
  input.placeholder = range ? 'default' : rule.startsWith('auto, or WIDTHxHEIGHT') ? 'auto, or for example 1024x1024' : 'default';
  input.spellcheck = false;
  return input;
}

// A rule that an input of text cannot enforce stands below it.
function ruleNote(control, rule) {
  const note = document.createElement('span');
  note.className = 'small';
  note.id = `${control.id}-rule`;
  note.textContent = rule;
  control.setAttribute('aria-describedby', note.id);
  return note;
}

const MASKS = {
  required: 'needs a mask',
  optional: 'takes a mask',
  none: 'takes no mask; your pixels outside it are put back',
};

function modelFacts({ mask, max_images: images, streaming, paints }) {
  const facts = [MASKS[mask] ?? `mask: ${mask}`, images === 1 ? 'one picture' : `up to ${images} pictures`];
  if (streaming) facts.push('shows partial pictures');
  const isFilling = paints === false && mask === 'required';
  return `${facts.join(' · ')}.${isFilling ? ' It fills the mask from its surroundings and does not read the text below.' : ''}`;
}

// Say what to do when the gateway has no key of the model's provider.
function keyNote({ has_key: hasKey, owned_by: owner }) {
  return hasKey === false ? ` The gateway has no key of ${owner}. Press Key and type one of yours.` : '';
}

function priceText({ usd_per_picture: picture, usd_per_megapixel: megapixel, usd_per_call: call, paints }) {
  if (picture) return `About $${picture} a picture, at the default size and quality.`;
  if (megapixel) return `About $${megapixel} a megapixel.`;
  if (call) return `About $${call} a call.`;
  return paints === false ? 'Free: it runs inside the gateway.' : 'The price is not known.';
}
