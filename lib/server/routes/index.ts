/**
 * All routes of the server that compute something or describe the models, and the documents about them.
 *
 * The rule: one table for each form of the routes. A row that is not here does not exist, neither on the server nor in the
 * documents.
 */
import type { AddRoutes } from '../handling.js';
import { addDocuments } from '../openapi/index.js';
import { addModelsRoutes } from './models/routes.js';
import { addOpenaiRoutes } from './openai/routes.js';
import { addTeiRoutes } from './tei/routes.js';

export const registerRoutes: AddRoutes = async (app, serving) => {
  addOpenaiRoutes(app, serving);
  addTeiRoutes(app, serving);
  addModelsRoutes(app, serving);
  addDocuments(app, serving);
};
