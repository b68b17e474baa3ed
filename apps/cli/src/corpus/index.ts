export {
  CORPUS_VERSION,
  SPRITE_BYTES,
  SPRITE_SIZE,
  formatCorpus,
  licenceTiers,
  parseCorpus,
  readCorpus,
  splits,
} from './format.ts';
export type { Corpus, LicenceTier, Split, Sprite, Style } from './format.ts';
export {
  SCENE_SIZE,
  backgroundNames,
  backgrounds,
  objectSides,
  objectSizes,
  placeSquare,
  positions,
} from './layout.ts';
export type { BackgroundName, ObjectSize, Position, Square } from './layout.ts';
export type { Draw } from './draw.ts';
export { drawScene, drawScenes, sampleScene, sceneSource } from './scene.ts';
export type { PlacedSprite, Scene, SceneDistribution, SceneSource } from './scene.ts';
export { paintScene } from './painting.ts';
export { withArticle } from './article.ts';
export { captionDetails, captionScene, drawCaption, drawDetail } from './caption.ts';
export type { CaptionDetail } from './caption.ts';
export { DESCRIBE_QUESTION, drawExchange, sceneExchanges } from './question.ts';
export type { Exchange } from './question.ts';
export { corruptImage } from './corruption.ts';
export type { Corruption } from './corruption.ts';
