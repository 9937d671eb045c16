// What users of Elastic's JavaScript client do with the Inference API: node elastic_tour.mjs FOLDER URL TOPIC [KEY…],
// where FOLDER holds the node_modules with the client. Any surprise is an uncaught error.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const [folder, url, topic, admin, user] = process.argv.slice(2)
const { Client, errors } = createRequire(join(folder, 'index.js'))('@elastic/elasticsearch')
const settings = { api_key: '<api_key>', model_id: 'm' }
const chat = { messages: [{ role: 'user', content: 'Hello' }] }
const put = (client, id, task, more = {}) => client.inference.putOpenai({
  task_type: task, openai_inference_id: id, service: 'openai', service_settings: { ...settings, ...more }
}, { meta: true })

async function text (stream) {
  let whole = ''
  for await (const piece of stream) whole += piece
  return whole
}

function events (body) {
  const blocks = body.split('\n\n')
  assert.equal(blocks.pop(), '')
  assert.equal(blocks.pop(), 'event: message\ndata: [DONE]')
  return blocks.map(block => JSON.parse(block.replace('event: message\ndata: ', '')))
}

const topics = {
  async endpoints () {
    for (const options of [{}, { compression: true }, { serverMode: 'serverless' }]) {
      const client = new Client({ node: url, auth: { apiKey: 'a2V5' }, ...options })
      assert.equal((await client.info()).version.number, '9.5.0')
      assert.equal(await client.ping(), true)
      const made = (await put(client, 'e', 'text_embedding', { dimensions: 3 })).body
      assert.deepEqual((await client.inference.get({ inference_id: 'e' })).endpoints, [made])
      const listed = await client.inference.get({ task_type: 'text_embedding' })
      assert.deepEqual(listed.endpoints, [made])
      const vectors = await client.inference.textEmbedding({ inference_id: 'e', input: ['a', 'b'] })
      assert.equal(vectors.text_embedding.length, 2)
      const changed = await client.inference.update({
        task_type: 'text_embedding', inference_id: 'e', inference_config: { service: 'openai', task_settings: { user: 'u' } }
      })
      assert.deepEqual(changed.task_settings, { user: 'u' })
      assert.equal((await client.inference.delete({ inference_id: 'e' })).acknowledged, true)
      await assert.rejects(client.inference.get({ inference_id: 'my e/p' }), error => {
        assert(error instanceof errors.ResponseError)
        assert.equal(error.statusCode, 404)
        assert.equal(error.body.error.reason, 'Inference endpoint not found [my e/p]')
        return true
      })
      await client.close()
    }
  },
  async warning () {
    const client = new Client({ node: url })
    const made = await put(client, 'far', 'completion', { url: 'http://127.0.0.1:9/v1/chat/completions' })
    assert.equal(made.warnings.length, 1)
    assert.match(made.warnings[0], /stored without validation: /)
    await client.close()
  },
  async streams () {
    for (const compression of [false, true]) {
      const client = new Client({ node: url, compression })
      await put(client, 'c', 'completion')
      await put(client, 'chat', 'chat_completion')
      const stream = await client.inference.streamCompletion({ inference_id: 'c', input: 'Hello' }, { asStream: true })
      assert(events(await text(stream)).every(event => event.completion.length === 1))
      const raw = await client.transport.request(
        { method: 'POST', path: '/_inference/chat_completion/chat/_unified', body: chat }, { asStream: true, meta: true })
      assert.equal(raw.statusCode, 200)
      assert.equal(raw.headers['content-type'], 'text/event-stream')
      assert(events(await text(raw.body)).every(event => event.object === 'chat.completion.chunk'))
      await client.inference.delete({ inference_id: 'c' })
      await client.inference.delete({ inference_id: 'chat' })
      await client.close()
    }
  },
  // With [compat] chat_on_stream_route: the method the client has for chats.
  async chat () {
    const client = new Client({ node: url })
    await put(client, 'chat', 'chat_completion')
    const asked = { inference_id: 'chat', chat_completion_request: chat }
    const stream = await client.inference.chatCompletionUnified(asked, { asStream: true })
    assert(events(await text(stream)).every(event => event.object === 'chat.completion.chunk'))
    assert(events(await client.inference.chatCompletionUnified(asked)).length > 3)
    await client.close()
  },
  // Client keys in every form the client has.
  async keys () {
    const signed = key => [{ apiKey: key }, { username: 'elastic', password: key }, { bearer: key }]
    for (const auth of signed(admin)) {
      const client = new Client({ node: url, auth })
      await put(client, 'k', 'completion')
      for (const auth of signed(user)) {
        const other = new Client({ node: url, auth })
        assert.match((await other.inference.completion({ inference_id: 'k', input: 'Hello' })).completion[0].result, /Hello/)
        await assert.rejects(other.inference.delete({ inference_id: 'k' }), error => error.statusCode === 403)
        await other.close()
      }
      assert.equal((await client.inference.delete({ inference_id: 'k' })).acknowledged, true)
      await client.close()
    }
    for (const auth of signed('wrong')) {
      const client = new Client({ node: url, auth })
      await assert.rejects(client.inference.get(), error => error.statusCode === 401)
      await client.close()
    }
  },
  // Without it the same method is told where to go.
  async refused () {
    const client = new Client({ node: url })
    await put(client, 'chat', 'chat_completion')
    const asked = { inference_id: 'chat', chat_completion_request: chat }
    const answer = await client.inference.chatCompletionUnified(asked, { asStream: true, meta: true })
    assert.equal(answer.statusCode, 400)
    assert.match(await text(answer.body), /^event: error\ndata: .*_inference\/chat_completion\/chat\/_unified URL/)
    await client.close()
  }
}
await topics[topic]()
