/**
 * Configuration files of trainings: the exports of lib/config for other layers.
 *
 * The rule: a file says options, by our names or those of TrainingArguments; it never runs anything.
 */
export { configError } from './config-entry.js';
export { readTrainConfig, type TrainConfig, type TrainConfigOptions } from './read-train-config.js';
